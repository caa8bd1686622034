"""Lines about gradients and learning, on planted records."""

from __future__ import annotations

import dataclasses

import pytest
from planted_lesson import gradflow, readings, recall

from rnn_vs_attn.lesson import of_training
from rnn_vs_attn.lesson.readings import Lacking
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record


def test_gradients_of_both_recurrences_vanish_and_their_half_lives_are_told() -> None:
    found = of_training.vanishing(readings())
    assert found.verdict == HOLDS
    assert "rnn halves every 0.756 [0.756, 0.756] tokens, lstm halves every 1.00 [1.00, 1.00] tokens" in found.figure
    assert "initialisation" in found.why


def test_one_recurrence_whose_gradients_do_not_vanish_is_enough() -> None:
    found = of_training.vanishing(readings(gradflow=gradflow(lstm=1.0)))
    assert found.verdict == FAILS
    assert "lstm flat" in found.figure


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, HOLDS), (0.5, FAILS)])
def test_attention_reaches_every_distance_where_its_norm_is_flat(factor: float, verdict: str) -> None:
    assert of_training.every_distance(readings(gradflow=gradflow(attention=factor))).verdict == verdict


def test_too_few_rounds_of_gradients_are_undecided_and_say_so() -> None:
    runs = readings(gradflow=gradflow(number=3))
    for found in (of_training.vanishing(runs), of_training.every_distance(runs)):
        assert found.verdict == UNDECIDED
        assert "3 of the 6 rounds" in found.why


def test_recall_and_parity_are_the_two_ways_round() -> None:
    runs = readings()
    assert of_training.recall(runs).verdict == HOLDS
    assert of_training.parity(runs).verdict == HOLDS
    assert of_training.recall(runs).figure.startswith(
        "mqar over 32 tokens: attention solves it in 3 of 3 seeds, after 90, 90 and 100 steps"
    )
    assert of_training.parity(runs).figure.startswith("parity over 32 tokens: lstm solves it in 3 of 3 seeds")


def test_an_lstm_that_learns_recall_too_is_no_difference() -> None:
    assert of_training.recall(readings(recall=recall(lstm=[200, 200, 200]))).verdict == FAILS


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (recall(budget=120), "lstm had too few steps to say so; --steps 180 or more decides"),
        (recall(lstm=[None, None]), "attention has 3 seeds and lstm 2 seeds"),
        (recall(lstm=[None, 300, None]), "not every seed of lstm solves it"),
    ],
)
def test_what_decides_nothing_says_what_it_takes(records: list[Record], why: str) -> None:
    found = of_training.recall(readings(recall=records))
    assert found.verdict == UNDECIDED
    assert why in found.why


def test_one_model_that_was_not_trained_yet_is_lacking() -> None:
    with pytest.raises(Lacking, match="attention and lstm"):
        of_training.recall(readings(recall=[r for r in recall() if r.axes["model"] == "attention"]))


def test_one_model_whose_trainings_came_to_no_end_says_what_came_between() -> None:
    lost = [
        dataclasses.replace(r, status="crashed", error="a bad kernel", samples=[], median=None)
        for r in recall()
        if (r.axes["model"], r.metric) == ("lstm", "loss")
    ]
    others = [r for r in recall() if r.axes["model"] == "attention"]
    with pytest.raises(Lacking, match=r"^lstm: a bad kernel$"):
        of_training.recall(readings(recall=[*others, *lost]))
