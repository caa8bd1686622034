"""`lm`: language models trained side by side on a text of the user's own."""

from __future__ import annotations

from rnn_vs_attn import units
from rnn_vs_attn.models.spec import LANGUAGE
from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.suites import columns, learning_rates
from rnn_vs_attn.suites.lm import analysis, claims, figures, remarks
from rnn_vs_attn.suites.lm.case import LmCase, check, complete
from rnn_vs_attn.suites.lm.outcomes import BITS
from rnn_vs_attn.suites.metrics import NUM_PARAMS, STATE_SIZE, TOKENS_PER_SECOND, TRAIN_SECONDS, WIDTH
from rnn_vs_attn.suites.suite import Analysis, CaseAxes, Measured, Rounds, Suite, Trains, View, rows

_FORWARD = 0.4  # of a step that an evaluation of as many tokens takes
_WRITING = 4  # steps of a large model that its 200 tokens take, one after another

BITS_PER_BYTE = Metric(BITS, "1", "lower", title="of the held-out text, at the end")
CURVE_BITS = Metric("curve_bits", "1", "none", title="bits_per_byte after so many steps")
CURVE_SECONDS = Metric("curve_seconds", "s", "none", title="of as many steps, evaluations aside")
AT_POSITION = Metric("bits_at_position", "1", "none", title="by a target's place in a segment read alone")
AT_CONTEXT = Metric("bits_at_context", "1", "none", title="of the same targets after up to so many tokens before them")
TRAIN_MEMORY = Metric(
    "train_memory", "B", "lower", exact=True, title="weights, gradients, AdamW's averages, and what autograd keeps"
)
WRITTEN = Metric("written", "text", "none", title="200 tokens at temperature 0.8, after a piece of the held-out text")
BASELINE_BITS = Metric("baseline_bits", "1", "none", exact=True, title="of the held-out text, without a network")


def beside(case: LmCase) -> float:
    """What evaluations take, in steps: those of the curve, by position, and by context at the end."""
    evaluated = (case.evaluations + 1) * case.held_out_tokens + case.windows * sum(case.contexts)
    return _FORWARD * evaluated / (case.batch_size * case.seq_len) + (_WRITING if case.init_from else 0)


COLUMNS = (
    Column("bits/byte", BITS, units.significant, interval="ends"),
    Column("tokens/s", TOKENS_PER_SECOND.name, columns.whole),
    Column("s of training", TRAIN_SECONDS.name, units.significant),
    Column("parameters", NUM_PARAMS.name, columns.whole),
    Column("width", WIDTH.name, columns.count),
    Column("training KiB", TRAIN_MEMORY.name, columns.kibibytes, spare=True),
    Column("state KiB", STATE_SIZE.name, columns.kibibytes, spare=True),
)

LM = Suite(
    name="lm",
    help="Language models trained side by side on your own text: what each reaches in the same time, how far it sees.",
    axes=CaseAxes(
        LmCase,
        row=("model", "learning_rate"),
        compared=("model", "learning_rate", "memory_len", "steps"),
        complete=complete,
        check=check,
        takes=(LANGUAGE,),
    ),
    metrics=(
        Measured(BITS_PER_BYTE, owed=True),
        *rows(CURVE_BITS, CURVE_SECONDS, TRAIN_SECONDS, TOKENS_PER_SECOND, NUM_PARAMS, WIDTH, TRAIN_MEMORY),
        *rows(STATE_SIZE, AT_POSITION, AT_CONTEXT, WRITTEN, BASELINE_BITS, *analysis.METRICS),
    ),
    rounds=Rounds(
        kept=lambda case: True,
        trains=Trains(
            learning_rates.kind,
            beside=beside,
            of_round=analysis.of_round,
            equal_time=True,
            least_steps=lambda case: case.least_steps,
        ),
    ),
    analysis=Analysis(analysis.derive, remarks=remarks.remarks, claims=claims.claims),
    view=View(COLUMNS, (), figures.figures, figures.chart, remarks.summary),
)
