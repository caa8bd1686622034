"""How many trainings later rounds have."""

from __future__ import annotations

from planted_recall import RATES, case

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.run.planned import Planned
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.recall.suite import RECALL


def test_later_rounds_train_each_model_at_one_of_its_learning_rates() -> None:
    limits = Limits()
    schedule = Schedule.of({}, limits, 0.0, 0.0)
    cases = [case(model, rate) for model in ("lstm", "gru") for rate in RATES]
    assert Planned(RECALL, cases, limits, {}, schedule).later_trainings == 2
    assert Planned(BENCH, cases, limits, {}, schedule).later_trainings == 0
