"""How many trainings later rounds have, and how long each of them is said to be."""

from __future__ import annotations

from typing import Any

import pytest
from planted_lm import case as lm_case
from planted_recall import RATES, case
from played_workers import PlayedMachine

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.run.output import said_of_trainings
from rnn_vs_attn.run.planned import Planned
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.worker.lanes import Lanes


def test_later_rounds_train_each_model_at_one_of_its_learning_rates() -> None:
    limits = Limits()
    schedule = Schedule.of({}, limits, 0.0, 0.0)
    cases = [case(model, rate) for model in ("lstm", "gru") for rate in RATES]
    assert Planned(RECALL, cases, limits, {}, schedule).later_trainings == 2
    assert Planned(BENCH, cases, limits, {}, schedule).later_trainings == 0


@pytest.mark.parametrize(
    ("steps", "fields", "number", "seconds", "said"),
    [
        ((400, 60), {"seconds_per_model": 20}, 2, 70.0, "20 s each, which is 60 to 400 steps, 2 at a time, about 70 s"),
        ((400, 400), {}, 1, 70.0, "400 steps each, one after the other, about 70 s in all"),
        ((400, 400), {}, 2, 120.0, "400 steps each, 2 at a time, about 2 min 0 s in all; --max-seconds 120 has all"),
    ],
)
def test_trainings_are_told_with_their_length(
    steps: tuple[int, int], fields: dict[str, Any], number: int, seconds: float, said: str
) -> None:
    """In equal time all were said to have the steps of the first."""
    limits, lanes = Limits(max_seconds=100.0), Lanes(PlayedMachine(lambda worker, request: None).start, number, 60.0)
    cases = [lm_case(model, steps=n, **fields) for model, n in zip(("gpt", "mingru"), steps, strict=True)]
    schedule = Schedule.of({}, limits, 0.0, 0.0)
    told = said_of_trainings(Planned(LM, cases, limits, {}, schedule, lanes=lanes, seconds=seconds))
    lanes.end()
    assert told.startswith(said)
