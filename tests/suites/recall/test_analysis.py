"""Outcomes of `recall`, on planted trainings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest
from planted_recall import RATES, STEPS, case, grid, record, trained

from rnn_vs_attn.suites.recall.analysis import (
    PARTLY,
    SOLVED,
    UNSOLVED,
    derive,
    of_round,
    outcomes,
)

Steps = Sequence[float | None]
FAST, NEVER = [100, 120, 80], [None] * 3


# Outcomes


def test_an_outcome_is_that_of_the_best_rate_with_what_the_others_came_to() -> None:
    (outcome,) = outcomes(grid("lstm", [100, None, 300], others=(200, None)))
    assert (outcome.model, outcome.rate, outcome.budget) == ("lstm", RATES[1], STEPS)
    assert (outcome.steps, outcome.seconds) == ([100, math.inf, 300], [10, math.inf, 30])
    assert (outcome.accuracies, outcome.losses) == ([1.0, 0.5, 1.0], [0.001, 0.7, 0.001])
    assert (outcome.rates, outcome.solved_at, outcome.reached, outcome.word) == (3, 2, True, PARTLY)


@pytest.mark.parametrize(
    ("steps", "others", "word"),
    [(FAST, (None, None), SOLVED), (NEVER, (None, None), UNSOLVED), (NEVER, (300, None), SOLVED)],
)
def test_a_word_for_each_outcome(steps: Steps, others: Steps, word: str) -> None:
    (outcome,) = outcomes(grid("lstm", steps, others))
    assert outcome.word == word


def test_a_rate_that_failed_is_no_rate_of_an_outcome() -> None:
    fault = dataclasses.replace(record("lstm", "loss", [None], rate=1e-2), status="failed", error="NaN", samples=[])
    (outcome,) = outcomes([*trained("lstm", [100]), fault])
    assert (outcome.rate, outcome.rates) == (RATES[1], 1)
    assert outcomes([fault]) == []


def test_a_seed_that_failed_did_not_solve_the_task() -> None:
    """As where the second one diverged: a model is not said to solve a task by the seeds that are left."""
    first = trained("attention", [100])
    failed = [dataclasses.replace(r, status="failed", error="NaN") if r.metric == "loss" else r for r in first]
    (outcome,) = outcomes(failed)
    assert (outcome.steps, outcome.seconds, outcome.word) == ([100, math.inf], [10, math.inf], PARTLY)


def test_a_training_of_which_only_a_part_was_written_is_no_outcome() -> None:
    """As where Ctrl-C comes between two samples."""
    whole = trained("lstm", [None], losses=[0.5])
    part = trained("lstm", [100], rate=1e-2)[:2]
    (outcome,) = outcomes([*whole, *part])
    assert (outcome.rate, outcome.word) == (RATES[1], UNSOLVED)
    assert outcomes(part) == []


def test_adding_is_judged_by_its_loss() -> None:
    losses = {1e-3: [0.16], 3e-3: [0.005, 0.2], 1e-2: [0.02]}
    at = {1e-3: [None], 3e-3: [300, None], 1e-2: [None]}
    records = [
        each
        for rate, values in losses.items()
        for each in trained("gru", at[rate], rate, [None] * len(values), values, task="adding")
    ]
    (outcome,) = outcomes(records)
    assert (outcome.rate, outcome.losses, outcome.accuracies) == (3e-3, [0.005, 0.2], [None, None])


def test_rates_solved_is_counted_over_the_first_seed() -> None:
    assert derive([]) == []
    records = derive(grid("lstm", NEVER, others=(200, 300)))
    (found,) = [r for r in records if r.metric == "rates_solved"]
    assert (found.samples, found.details["of"], found.details["best"]) == ([2.0], 3, RATES[0])


# Which cases later rounds have


def test_the_first_round_has_the_grid() -> None:
    cases = [case("lstm", rate) for rate in RATES]
    assert of_round(0, cases, []) == cases


@pytest.mark.parametrize(
    ("scores", "losses", "best"),
    [
        ((0.5, 0.9, 0.7), (0.1, 0.2, 0.3), 1),
        ((0.9, 0.9, 0.7), (0.3, 0.2, 0.1), 1),  # a tie: by the loss
        ((1.0, 1.0, 1.0), (0.2, 0.2, 0.2), 0),  # of equals the first
        ((None, None, None), (0.3, 0.2, 0.1), 2),  # adding
        ((0.0, 0.0, 0.0), (0.3, 0.1, 0.2), 1),
    ],
)
def test_later_rounds_have_each_models_best_rate(
    scores: Sequence[float | None], losses: Sequence[float], best: int
) -> None:
    cases = [case("lstm", rate) for rate in RATES]
    ends = zip(RATES, scores, losses, strict=True)
    records = [each for rate, score, loss in ends for each in trained("lstm", [None], rate, [score], [loss])]
    for number in (1, 2):
        assert of_round(number, cases, records) == [cases[best]]


def test_the_best_rate_is_that_of_the_first_seed_whatever_later_ones_say() -> None:
    cases = [case("lstm", rate) for rate in RATES]
    assert of_round(2, cases, grid("lstm", [100, None, None], others=(200, 200))) == [cases[1]]


def test_each_model_task_and_length_has_a_best_rate_of_its_own() -> None:
    cases = [case(model, rate, seq_len=n) for model in ("lstm", "gru") for rate in RATES for n in (32, 64)]
    records = [
        each
        for c in cases
        for each in trained(
            c.model,
            [None],
            c.learning_rate,
            [float(c.learning_rate == (1e-2 if c.model == "gru" else 1e-3))],
            seq_len=c.seq_len,
        )
    ]
    found = [(c.model, c.seq_len, c.learning_rate) for c in of_round(1, cases, records)]
    assert sorted(found) == [("gru", 32, 1e-2), ("gru", 64, 1e-2), ("lstm", 32, 1e-3), ("lstm", 64, 1e-3)]


def test_a_rate_without_a_first_seed_is_never_the_best() -> None:
    cases = [case("lstm", rate) for rate in RATES]
    assert of_round(1, cases, trained("lstm", [None], RATES[2])) == [cases[2]]
    assert of_round(1, cases, []) == []
