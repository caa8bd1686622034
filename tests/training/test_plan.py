"""Learning rates against the closed form, and plans that cannot be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.training.plan import TrainingPlan, learning_rate


def test_the_learning_rate_is_a_line_and_then_half_a_cosine() -> None:
    plan = TrainingPlan(steps=10, learning_rate=0.5, warm_up=4)
    found = [learning_rate(plan, step) for step in range(11)]
    assert found[:4] == [0.125, 0.25, 0.375, 0.5]
    # eta_t = 1/2 eta_max (1 + cos(T_cur / T_i pi)), six steps after the warm-up
    expected = [0.5 * 0.5 * (1 + math.cos(done / 6 * math.pi)) for done in range(7)]
    assert found[4:] == pytest.approx(expected, abs=1e-15)
    assert found[7] == pytest.approx(0.25)  # half of it in the middle
    assert found[10] == 0


def test_without_warm_up_it_begins_at_its_highest() -> None:
    plan = TrainingPlan(steps=4, learning_rate=1.0)
    root = math.sqrt(0.5)
    expected = [1.0, (1 + root) / 2, 0.5, (1 - root) / 2]
    assert [learning_rate(plan, step) for step in range(4)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"steps": 0}, "steps 0 must be at least 1"),
        ({"warm_up": 10}, "warm_up 10 must be at least 0 and below the 10 steps"),
        ({"learning_rate": math.nan}, "learning_rate nan must be a number above 0"),
        ({"clip": -1.0}, "clip -1 must be a number from 0 on"),
        ({"evaluate_every": 0}, "evaluate_every 0 must be at least 1"),
    ],
)
def test_a_plan_that_cannot_be_is_one_sentence(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        TrainingPlan(**{"steps": 10, "learning_rate": 0.1} | fields)
