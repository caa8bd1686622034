"""`recall`: is a long-range dependency learnt, not only reachable."""

from __future__ import annotations

from rnn_vs_attn import units
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns, learning_rates
from rnn_vs_attn.suites.metrics import NUM_PARAMS, TRAIN_SECONDS, WIDTH
from rnn_vs_attn.suites.recall import analysis, claims, figures, remarks
from rnn_vs_attn.suites.recall.case import EVALUATIONS, EXAMPLES, RecallCase, check, complete, select, wanted_steps
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, Trains, View, rows

_FORWARD = 0.4  # of a step that an evaluation on as many examples takes

ACCURACY = Metric("accuracy", "1", "higher", scale="difference", title="share of the answers that are right, held out")
LOSS = Metric("loss", "1", "lower", title="mean over the answers, nats; of adding the squared error")
AT_LENGTH = Metric("accuracy_at_length", "1", "higher", scale="difference", title="accuracy at other lengths")
LOSS_AT_LENGTH = Metric("loss_at_length", "1", "lower", title="loss at other lengths")
CURVE = Metric("curve_accuracy", "1", "none", scale="difference", title="accuracy after so many steps")
CURVE_LOSS = Metric("curve_loss", "1", "none", title="loss after so many steps")
STEPS = Metric("steps_to_solve", "1", "lower", title="first evaluation from which on the task is solved; absent: none")
SECONDS = Metric("seconds_to_solve", "s", "lower", title="steps_to_solve in seconds, beside other trainings")
STATE_BITS = Metric("state_bits", "1", "none", exact=True, title="bits carried on after seq_len tokens, of an example")
BEST = Metric("best_accuracy", "1", "none", exact=True, title="that so many bits of state allow at most")


def beside(case: RecallCase) -> float:
    """What evaluations take, in steps: those of the curve, and those at other lengths at the end."""
    passes = _FORWARD * EXAMPLES / case.batch_size
    return passes * (EVALUATIONS + 1 + sum(tested / case.seq_len for tested in case.tested))


COLUMNS = (
    Column("accuracy", ACCURACY.name, units.significant, interval="ends"),
    Column("loss", LOSS.name, units.significant, interval="ends"),
    Column("steps to solve", STEPS.name, columns.whole),
    Column("s to solve", SECONDS.name, units.significant),
    Column("s of training", TRAIN_SECONDS.name, units.significant, spare=True),
    Column("parameters", NUM_PARAMS.name, columns.whole),
    Column("width", WIDTH.name, columns.count),
    Column("bits of state", STATE_BITS.name, columns.whole, spare=True),
)

RECALL = Suite(
    name="recall",
    help="Long-range tasks, trained: what is learnt, at which learning rates, and at which lengths it still holds.",
    axes=CaseAxes(
        RecallCase,
        row=("task", "model", "learning_rate"),
        implied=("test_seq_len",),
        compared=("model", "learning_rate"),
        complete=complete,
        check=check,
        select=select,
    ),
    metrics=(
        Measured(ACCURACY),
        Measured(LOSS, owed=True),
        *rows(AT_LENGTH, LOSS_AT_LENGTH, CURVE, CURVE_LOSS, STEPS, SECONDS, TRAIN_SECONDS),
        *rows(NUM_PARAMS, WIDTH, STATE_BITS, BEST, *analysis.METRICS),
    ),
    rounds=Rounds(
        kept=lambda case: True,
        trains=Trains(learning_rates.kind, wanted_steps, beside, analysis.of_round),
    ),
    analysis=Analysis(analysis.derive, remarks=remarks.remarks, claims=claims.claims),
    view=View(COLUMNS, (), figures.figures, figures.chart, remarks.summary),
)
