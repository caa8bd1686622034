"""How `recall` writes scores and steps."""

from __future__ import annotations

import pytest
from planted_recall import trained

from rnn_vs_attn.suites.recall.analysis import outcomes
from rnn_vs_attn.suites.recall.words import after, chance_of, middle, scores, share


@pytest.mark.parametrize(("value", "written"), [(0.99999, "0.999"), (1.0, "1"), (0.0625, "0.062"), (0.0, "0")])
def test_an_accuracy_is_never_rounded_up_to_a_task_that_is_solved(value: float, written: str) -> None:
    assert share(value) == written


def test_a_median_that_was_not_come_to_is_beyond_all_steps() -> None:
    write = "{:.0f}".format
    assert middle([100.0, float("inf"), 120.0], 400, write) == "120"
    assert middle([100.0, float("inf"), float("inf")], 400, write) == "> 400"
    assert middle([], float("nan"), write) == "–"


def test_of_a_training_its_scores_steps_and_chance() -> None:
    (outcome,) = outcomes(trained("lstm", [100, 80, 120], scores=[1.0, 0.9999, 1.0], task="parity"))
    assert (scores(outcome), after(outcome)) == ("1 0.999 1", "after 100, 80 and 120 steps")
    assert chance_of(outcome).accuracy == 0.5
