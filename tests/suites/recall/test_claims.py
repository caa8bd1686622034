"""Claims of `recall`: their verdicts on planted trainings whose truth is known, and what they say of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from planted_recall import RATES, STEPS, claimed, grid, record, trained

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim, stored_claims
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.recall.analysis import outcomes
from rnn_vs_attn.suites.recall.claims import RULE
from rnn_vs_attn.suites.recall.suite import RECALL

Steps = Sequence[float | None]
FAST, SLOW, NEVER, PARTLY_SO = [100, 120, 80], [100, 300, 300], [None] * 3, [100, None, 100]


def verdicts(records: Sequence[Record]) -> dict[tuple[str, str], str]:
    """Of two models, by the one that is said to solve the task and the other one."""
    found = [claim for claim in claimed(records) if claim.key == "solves alone"]
    return {(str(claim.axes["model"]), str(claim.axes["beside"])): claim.verdict for claim in found}


def only(records: Sequence[Record]) -> Claim:
    (found,) = claimed(records)
    return found


# What becomes of a claim


@pytest.mark.parametrize(
    ("solver", "other", "verdict"),
    [
        (FAST, NEVER, HOLDS),
        ([STEPS / 2] * 3, NEVER, HOLDS),
        ([STEPS / 2 + 1] * 3, NEVER, UNDECIDED),  # the other one had too few steps
        ([1, 1, STEPS], NEVER, HOLDS),  # by the median
        (FAST, FAST, FAILS),
        (SLOW, SLOW, FAILS),
        (FAST, PARTLY_SO, UNDECIDED),
        (PARTLY_SO, NEVER, UNDECIDED),
        (PARTLY_SO, FAST, UNDECIDED),
        (NEVER, NEVER, UNDECIDED),
        (NEVER, FAST, FAILS),  # the other way round
        (NEVER, SLOW, UNDECIDED),  # that way too it had too few steps
        (NEVER, PARTLY_SO, UNDECIDED),
        ([100], [None], HOLDS),
        ([100] * 6, [None] * 6, HOLDS),
    ],
)
@pytest.mark.parametrize(
    ("task", "solves", "does_not"), [("mqar", "attention", "lstm"), ("parity", "lstm", "attention")]
)
def test_a_verdict_follows_the_rule(
    task: str, solves: str, does_not: str, solver: Steps, other: Steps, verdict: str
) -> None:
    records = [*grid(solves, solver, task=task), *grid(does_not, other, task=task)]
    assert verdicts(records) == {(solves, does_not): verdict}


def test_a_rate_that_is_not_the_best_one_can_spoil_a_claim_that_a_model_does_not_solve_a_task() -> None:
    """It solved the task at last and lost it before; another rate has a better loss and no solution."""
    other = [*trained("lstm", [None] * 3, losses=[0.1] * 3, scores=[0.98] * 3), *trained("lstm", [380], 1e-2, [0.97])]
    assert verdicts([*grid("attention", FAST), *other]) == {("attention", "lstm"): UNDECIDED}


def test_claims_of_recall_are_made_of_all_recurrences_and_those_of_state_tracking_of_non_linear_ones() -> None:
    models = ("attention", "lstm", "gru", "mingru", "mamba2", "conv", "attention-naive")
    recall = [each for model in models for each in grid(model, FAST)]
    assert set(verdicts(recall)) == {("attention", model) for model in ("lstm", "gru", "mingru", "mamba2")}
    tracking = [each for model in models for each in grid(model, FAST, task="parity")]
    assert set(verdicts(tracking)) == {(model, "attention") for model in ("lstm", "gru")}


def test_no_claim_is_made_across_lengths_tasks_or_without_attention() -> None:
    assert verdicts([*grid("attention", FAST), *grid("lstm", NEVER, seq_len=64)]) == {}
    assert verdicts([*grid("attention", FAST), *grid("lstm", NEVER, task="copy", seq_len=64)]) == {}
    assert verdicts(grid("lstm", NEVER)) == {}
    assert claimed([]) == []


def test_a_claim_is_undecided_where_trainings_of_the_one_that_does_not_came_to_no_end() -> None:
    """As of a rate whose loss became no number, of one that an interruption came before, and of a later seed."""
    solves, other = grid("attention", FAST), grid("lstm", NEVER)
    fault = {"status": "failed", "error": "NaN"}
    (rate,) = (r for r in other if r.metric == "loss" and r.axes["learning_rate"] == RATES[2])
    (seed,) = (r for r in other if r.metric == "loss" and r.axes["learning_rate"] == RATES[1])
    without = [r for r in other if r.axes["learning_rate"] != RATES[2]]
    lost = [*without, dataclasses.replace(rate, samples=[], **fault)]
    failed = [dataclasses.replace(r, **fault) if r is seed else r for r in other]
    for records in (lost, [r for r in failed if r.metric == "loss" or r.axes["learning_rate"] != RATES[2]]):
        assert verdicts([*solves, *records]) == {("attention", "lstm"): UNDECIDED}
    assert [outcome.endless for outcome in outcomes([*lost, *solves])] == [1, 0]
    solver_lost = [r for r in solves if r.metric != "loss" or r.axes["learning_rate"] != RATES[2]]
    assert verdicts([*solver_lost, *other]) == {("attention", "lstm"): HOLDS}


@pytest.mark.parametrize("other", [[None], [100], [None, None]])
def test_a_claim_is_undecided_where_an_interruption_left_one_with_fewer_seeds(other: Steps) -> None:
    records = [*grid("attention", FAST), *grid("lstm", other)]
    assert verdicts(records) == {("attention", "lstm"): UNDECIDED}


# What it says


def test_a_claim_that_holds_has_the_steps_of_every_seed_and_how_long_the_other_one_had() -> None:
    found = only([*grid("attention", FAST), *grid("lstm", NEVER)])
    assert found.text == "attention learns to recall (mqar), lstm does not"
    assert found.figure == (
        "attention solves it in 3 of 3 seeds, after 100, 120 and 80 steps; "
        "lstm in 0 of 3 seeds within 400 steps (accuracy 0.5 0.5 0.5, chance 0.0625)"
    )
    assert found.why == "lstm had 4.0 times the steps that attention took, at each of 3 learning rates"
    tracked = only([*grid("attention", NEVER, task="parity"), *grid("lstm", FAST, task="parity")])
    assert tracked.text == "lstm learns to keep track of a state (parity), attention does not"


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([100], "1 of 1 seed, after 100 steps"),
        ([100, 80], "2 of 2 seeds, after 100 and 80 steps"),
        ([100, 80, 120, 90, 110, 101], "6 of 6 seeds, after 100 steps (median)"),
    ],
)
def test_steps_are_those_of_each_seed_or_of_six_the_median(steps: Sequence[float], told: str) -> None:
    assert only(trained("lstm", steps)).figure == f"It solves it in {told}"


def test_one_that_does_not_hold_says_who_solves_it() -> None:
    both = only([*grid("attention", FAST), *grid("lstm", SLOW)])
    assert (both.verdict, both.why) == (FAILS, "")
    assert both.figure.endswith("; lstm in 3 of 3 seeds, after 100, 300 and 300 steps")
    other_way = only([*grid("attention", NEVER), *grid("lstm", FAST)])
    assert other_way.why == "attention had 4.0 times the steps that lstm took, at each of 3 learning rates"


def test_too_few_steps_say_how_many_decide() -> None:
    """Whichever of the two solves it."""
    slow = [300.5] * 3
    told = "had too few steps to say so; --steps 601 or more decides"
    assert only([*grid("attention", slow), *grid("lstm", NEVER)]).why == f"lstm {told}"
    assert only([*grid("attention", NEVER), *grid("lstm", slow)]).why == f"attention {told}"


def test_an_undecided_claim_says_what_it_lacks() -> None:
    solved = grid("attention", FAST)
    few = only([*solved, *grid("lstm", [None])])
    assert few.why == "attention has 3 seeds and lstm 1 seed; --resume RUN trains those that are missing"
    lost = [each for each in grid("lstm", NEVER) if each.axes["learning_rate"] != RATES[2]]
    fault = dataclasses.replace(record("lstm", "loss", [None], rate=RATES[2]), status="failed", error="NaN", samples=[])
    ended = only([*solved, *lost, fault])
    assert ended.why == "1 training of lstm came to no end; --resume RUN --retry trains again"
    partly = only([*solved, *grid("lstm", [100, None, None])])
    assert partly.why == "not every seed of lstm solves it; more than --steps 400 may bring all there"
    neither = only([*grid("attention", NEVER), *grid("lstm", NEVER)])
    assert neither.why == "neither solves it; more than --steps 400, or another --learning-rate, may"


def test_fewer_than_three_seeds_are_told_beside_a_verdict() -> None:
    found = only([*grid("attention", [100]), *grid("lstm", [None])])
    assert found.verdict == HOLDS
    assert found.why.endswith("at each of 3 learning rates; this is of 1 seed, --rounds 3 has more")
    assert only(grid("mine.py:Layer", [100])).why == "this is of 1 seed, --rounds 3 has more"
    undecided = only([*grid("attention", [None]), *grid("lstm", [None])])
    assert undecided.why == "neither solves it; more than --steps 400, or another --learning-rate, may"


def test_the_first_claim_of_each_task_leads() -> None:
    records = [each for model in ("attention", "lstm", "gru") for each in grid(model, FAST)]
    records += [each for model in ("attention", "lstm", "gru") for each in grid(model, FAST, task="parity")]
    found = [(claim.axes["task"], claim.axes["model"], claim.axes["beside"]) for claim in claimed(records)]
    assert found == [
        ("mqar", "attention", "lstm"),
        ("parity", "lstm", "attention"),
        ("mqar", "attention", "gru"),
        ("parity", "gru", "attention"),
    ]


# A model by itself


@pytest.mark.parametrize(
    ("steps", "verdict", "why"),
    [
        (FAST, HOLDS, ""),
        (NEVER, UNDECIDED, "no model solves it in half of the steps; more than --steps 400, or another --model, may"),
        (PARTLY_SO, UNDECIDED, "not every seed solves it; more than --steps 400 may bring all there"),
    ],
)
def test_a_model_alone_has_a_claim_of_its_own(steps: Steps, verdict: str, why: str) -> None:
    found = only(grid("mine.py:Layer", steps))
    assert (found.key, found.text) == ("solves", "mine.py:Layer learns to recall (mqar)")
    assert (found.verdict, found.why) == (verdict, why)


def test_what_does_not_solve_a_task_beside_one_that_does_is_said_not_to() -> None:
    """As a layer of the user's own, of which the lesson says nothing."""
    for rival in ([*grid("attention", FAST), *grid("lstm", NEVER)], grid("conv", FAST)):
        (found,) = [c for c in claimed([*rival, *grid("mine.py:Layer", NEVER)]) if c.axes["model"] == "mine.py:Layer"]
        assert found.verdict == FAILS
        assert "mine.py:Layer had 4.0 times the steps" in found.why
    (found,) = [c for c in claimed([*grid("conv", SLOW), *grid("mine.py:Layer", NEVER)]) if c.verdict != HOLDS]
    assert found.why == "mine.py:Layer had too few steps to say so; --steps 600 or more decides"


def test_solved_at_another_rate_only_is_told() -> None:
    """A later seed of the best rate does not, nor the first one, and another rate does."""
    other = [*trained("gru", [None] * 3, losses=[0.1] * 3, scores=[0.98] * 3), *trained("gru", [380], 1e-2, [0.97])]
    assert only(other).figure.startswith("It solves it in 0 of 3 seeds and at 1 of 2 learning rates within 400 steps (")


def test_of_adding_the_loss_is_told() -> None:
    found = only(trained("gru", [None], scores=[None], losses=[0.15], task="adding"))
    assert found.text == "gru learns to remember (adding)"
    assert "(loss 0.150, chance 0.167)" in found.figure


def test_two_sizes_of_a_task_are_told_apart() -> None:
    records = [*grid("lstm", FAST, task="copy", seq_len=64), *grid("lstm", NEVER, task="copy", seq_len=128)]
    assert [claim.text for claim in claimed(records)] == [
        "lstm learns to remember (copy seq_len 64)",
        "lstm learns to remember (copy seq_len 128)",
    ]


def test_a_model_without_an_end_is_named_first_with_what_came_between() -> None:
    """As one that diverges, or that an interruption came before; one of whose rates one ended is no such model."""
    fault = {"status": "failed", "error": "NaN at step 8", "samples": []}
    lost = [dataclasses.replace(record("gru", "loss", [None], rate=rate), **fault) for rate in RATES]
    partly = dataclasses.replace(record("lstm", "loss", [None], rate=1e-4), **fault)
    first, *others = claimed([*grid("attention", FAST), *grid("lstm", NEVER), *lost, partly])
    assert (first.key, first.text, first.verdict) == ("solves", "gru learns to recall (mqar)", UNDECIDED)
    assert first.figure == "No training of it came to its end"
    assert first.why == "failed: NaN at step 8; --resume RUN --retry trains again"
    assert [claim.text for claim in others] == ["attention learns to recall (mqar), lstm does not"]


# Stored


def test_a_verdict_is_stored_once_as_the_record_of_its_claim() -> None:
    records = [*grid("attention", FAST), *grid("lstm", NEVER), *grid("conv", FAST)]
    stored = RECALL.analysis.stored(records)
    assert [record.metric for record in stored] == ["rates_solved"] * 3 + ["verdict"] * 2
    assert stored_claims(stored) == claimed([*records, *stored])


def test_the_rule_has_the_numbers_that_are_applied() -> None:
    assert "an accuracy of 0.99 (of adding, a loss of 0.01)" in RULE
    assert "at least 2 times the steps" in RULE


def test_models_without_an_end_are_told_apart_by_what_they_were_trained_with() -> None:
    fault = {"status": "timeout", "error": "not reached", "samples": [], "median": None}
    lost = [dataclasses.replace(record("gru", "loss", [None], num_layers=n), **fault) for n in (1, 2)]
    assert [claim.text for claim in claimed(lost)] == [
        "gru learns to recall (mqar num_layers 1)",
        "gru learns to recall (mqar num_layers 2)",
    ]


# What came to no end, and who is not here


def seed_lost(model: str, steps: Steps) -> list[Record]:
    """A grid of which the seed after those given came to no end."""
    fault = {"status": "crashed", "error": "a bad kernel"}
    return [
        dataclasses.replace(r, **fault) if r.metric == "loss" and r.axes["learning_rate"] == RATES[1] else r
        for r in grid(model, steps)
    ]


def test_a_seed_that_came_to_no_end_is_trained_again_and_no_more_steps_are_asked_for() -> None:
    again = "came to no end; --resume RUN --retry trains again"
    solves = only([*seed_lost("attention", [100, 100]), *grid("lstm", NEVER)])
    assert (solves.verdict, solves.why) == (UNDECIDED, f"1 training of attention {again}")
    both = only([*seed_lost("attention", [100, 100]), *seed_lost("lstm", [100, 100])])
    assert both.why == f"2 trainings of attention and lstm {again}"
    partly = only([*seed_lost("attention", [100, None]), *grid("lstm", NEVER)])
    assert partly.why == "not every seed of attention solves it; more than --steps 400 may bring all there"
    fewer = only([*seed_lost("attention", [100]), *grid("lstm", NEVER)])
    assert (fewer.verdict, fewer.why) == (UNDECIDED, f"1 training of attention {again}")
    assert only(seed_lost("mine.py:Layer", [100, 100])).why == f"1 training of mine.py:Layer {again}"


def test_a_model_of_fewer_seeds_than_the_one_that_solves_a_task_is_not_said_not_to() -> None:
    """As where an interruption came between two of which the lesson says nothing."""
    (found,) = [c for c in claimed([*grid("conv", FAST), *grid("mine.py:Layer", [None])]) if c.verdict != HOLDS]
    assert found.verdict == UNDECIDED
    assert found.why == "conv has 3 seeds and mine.py:Layer 1 seed; --resume RUN trains those that are missing"


def test_a_model_of_a_package_that_is_not_here_any_more_has_its_claims() -> None:
    found = claimed([*grid("attention", FAST), *grid("gone-package-layer", NEVER)])
    assert {claim.axes["model"]: claim.verdict for claim in found} == {"attention": HOLDS, "gone-package-layer": FAILS}


def test_a_task_that_is_solved_before_any_step_is_solved_after_none() -> None:
    """As a record says that somebody has edited."""
    found = only([*grid("attention", [0, 0, 0]), *grid("lstm", NEVER)])
    assert (found.verdict, found.why.split(",")[0]) == (HOLDS, "lstm had 400.0 times the steps that attention took")
