"""Verdicts of `lm` at the edges of its rule, on planted trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from planted_lm import RATES, START, STEPS, contexts, failed, grid, record, trained

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.lm.outcomes import outcomes
from rnn_vs_attn.suites.lm.verdicts import (
    FEW_SEEDS,
    LONGER,
    RULE,
    TIME,
    TOKENS,
    Duel,
    distant,
    duels,
    fine_tuned,
    of_memory,
    rivals,
    without_rivals,
)

LOW, HIGH = [2.0, 2.0, 2.0], [3.0, 3.1, 3.2]


def duel(records: Sequence[Record], equal: str) -> Duel:
    """Of the only two rivals."""
    ((by_time, by_tokens),) = duels(outcomes(records))
    return by_time if equal == TIME else by_tokens


def verdict(records: Sequence[Record], equal: str) -> str:
    return duel(records, equal).verdict


# Which one loses less


@pytest.mark.parametrize(
    ("gpt", "lstm", "expected"),
    [
        (LOW, HIGH, HOLDS),
        (HIGH, LOW, FAILS),
        ([1.98] * 3, [2.0] * 3, HOLDS),  # exactly 1 %
        ([1.981] * 3, [2.0] * 3, UNDECIDED),
        ([2.0] * 3, [1.98] * 3, FAILS),
        ([1.0, 1.0, 2.0], [2.0, 3.0, 3.0], UNDECIDED),  # all seeds, and not the median
        ([1.0, 1.0, 1.98], [2.0, 3.0, 3.0], HOLDS),
        (LOW, LOW, UNDECIDED),
        ([2.0, 2.0], [3.0, 3.0], UNDECIDED),  # two seeds
        (LOW, [3.0, 3.0], UNDECIDED),
        ([1.0, 2.0, 3.0], [2.0] * 3, UNDECIDED),
        ([0.0] * 3, LOW, HOLDS),
    ],
)
@pytest.mark.parametrize("equal", [TIME, TOKENS])
def test_a_verdict_follows_the_rule(gpt: list[float], lstm: list[float], expected: str, equal: str) -> None:
    assert verdict([*grid("gpt", gpt), *grid("lstm-lm", lstm)], equal) == expected


def slow(bits: list[float], middle: list[float]) -> list[Record]:
    """A model that takes twice the time for as many tokens, with its bits at half of it."""
    return trained("lstm-lm", bits, seconds=80.0, middle=middle)


@pytest.mark.parametrize(
    ("end", "middle", "expected"),
    [
        (1.5, 1.9, HOLDS),  # lower already when it had as much time: the one that had more wins early
        (3.0, 3.5, FAILS),  # higher even at its end
        (1.5, 3.5, UNDECIDED),  # in between: nobody knows what it would have come to with a plan of that length
        (3.5, 1.5, HOLDS),
        (3.5, 1.99, UNDECIDED),  # it got worse, and was as low when it had as much
        (2.02, 3.5, UNDECIDED),
        (2.03, 3.5, FAILS),  # the other one is 1 % below
        (1.0, 2.0, UNDECIDED),
    ],
)
def test_one_that_had_more_time_wins_early_or_loses_at_its_end(end: float, middle: float, expected: str) -> None:
    records = [*trained("gpt", [2.0] * 3), *slow([end] * 3, [middle] * 3)]
    ours = {HOLDS: FAILS, FAILS: HOLDS, UNDECIDED: UNDECIDED}[expected]  # the claim is gpt's
    assert verdict(records, TIME) == ours
    swapped = [*trained("lstm-lm", [2.0] * 3), *trained("gpt", [end] * 3, seconds=80.0, middle=[middle] * 3)]
    assert verdict(swapped, TIME) == expected


def test_one_that_got_worse_is_not_said_to_lose_where_it_was_lower_with_as_much_time() -> None:
    """gpt was said to have the lower loss after 40 s, beside numbers that said the opposite."""
    found = duel([*trained("gpt", [2.0] * 3), *slow([3.5] * 3, [1.99] * 3)], TIME)
    assert (found.verdict, found.amount) == (UNDECIDED, 40.0)
    assert found.bits(found.ours) == [2.0] * 3
    assert found.bits(found.theirs) == pytest.approx([1.99] * 3)
    assert found.lacking.startswith("their seeds overlap")


def test_what_is_too_near_and_what_is_too_few_is_said() -> None:
    near = duel([*trained("gpt", LOW), *trained("lstm-lm", [2.01] * 3)], TIME)
    assert near.lacking == f"their seeds overlap or are within 1%; {LONGER} may part them"
    few = duel([*trained("gpt", LOW), *trained("lstm-lm", [3.0] * 2)], TIME)
    assert few.lacking == FEW_SEEDS == "a verdict takes 3 seeds, --rounds 3 has them"


def test_one_in_between_is_undecided_and_it_is_said_by_what() -> None:
    """They were said to be too near each other, at 2.0 and 3.5 bits."""
    found = duel([*trained("gpt", [2.0] * 3), *slow([1.5] * 3, [3.5] * 3)], TIME)
    assert (found.bits(found.ours), found.bits(found.theirs)) == ([2.0] * 3, [3.5] * 3)
    told = "lstm-lm had more time and came to 1.500 1.500 1.500"
    assert found.lacking == f"{told}; --seconds-per-model, the same for all, decides"
    given = {"seconds_per_model": 40}
    gpt = trained("gpt", [2.0] * 3, **given)
    other = trained("lstm-lm", [1.5] * 3, seconds=44.0, middle=[9.0] * 3, **given)
    assert duel([*gpt, *other], TIME).lacking == told


def test_equal_tokens_are_those_of_the_one_that_had_fewer() -> None:
    """By hand: half of the steps are 6,400 tokens, where the other one was at 5 bits."""
    gpt, fewer = trained("gpt", [2.0] * 3), trained("lstm-lm", [3.0] * 3, steps=STEPS // 2)
    found = duel([*gpt, *fewer], TOKENS)
    assert (found.verdict, found.amount) == (UNDECIDED, 6400)
    assert (found.bits(found.ours), found.bits(found.theirs)) == ([5.0] * 3, [3.0] * 3)
    assert found.lacking == "gpt had more tokens and came to 2.000 2.000 2.000; --steps, the same for all, decides"
    assert verdict([*trained("gpt", [2.0] * 3, middle=[2.5] * 3), *fewer], TOKENS) == HOLDS
    assert verdict([*trained("gpt", [3.5] * 3, middle=[4.0] * 3), *fewer], TOKENS) == FAILS
    near = duel([*trained("gpt", [2.0] * 3, middle=[3.0] * 3), *fewer], TOKENS)
    assert near.lacking.startswith("their seeds overlap")


def test_a_model_is_not_said_to_lose_where_a_rate_of_it_was_not_reached() -> None:
    gpt, lstm = trained("gpt", LOW), [*trained("lstm-lm", HIGH), failed("lstm-lm", RATES[2], "timeout")]
    found = duel([*gpt, *lstm], TIME)
    assert found.verdict == UNDECIDED
    assert found.lacking == "1 training of lstm-lm came to no end, --resume RUN --retry trains again"
    assert verdict([*gpt, failed("gpt", RATES[2], "timeout"), *trained("lstm-lm", HIGH)], TIME) == HOLDS
    assert verdict([*gpt, *grid("lstm-lm", HIGH, (9.0, None))], TIME) == HOLDS  # one that diverged has lost


def test_a_model_of_which_a_seed_diverged_does_not_win_by_the_seeds_that_are_left() -> None:
    gpt = trained("gpt", [2.0, 2.0, 2.0, None])
    gpt[0] = replace(gpt[0], status="failed", error="NaN")
    found = duel([*gpt, *trained("lstm-lm", [3.0] * 4)], TIME)
    assert found.verdict == UNDECIDED
    assert found.lacking.startswith("1 training of gpt came to no end")


def test_rivals_are_those_of_gpt_beside_each_other_and_of_a_memory_beside_none() -> None:
    records = [each for n in (0, 8, 32) for each in trained("transformer-xl", LOW, memory_len=n)]
    found = outcomes([*records, *trained("gpt", LOW), *trained("mingru", LOW)])
    pairs = {(ours.model, theirs.model) for ours, theirs in rivals(found)}
    memories = [f"transformer-xl (memory {n})" for n in (0, 8, 32)]
    assert pairs == {
        *(("gpt", other) for other in (*memories, "mingru")),
        *((memory, memories[0]) for memory in memories[1:]),
    }
    assert {(a.model, b.model) for a in found for b in found if of_memory(a, b)} == {
        (memory, memories[0]) for memory in memories[1:]
    }


def test_no_duel_is_fought_across_lengths_or_without_gpt() -> None:
    assert rivals(outcomes([*trained("gpt", LOW), *trained("lstm-lm", HIGH, seq_len=32)])) == []
    assert rivals(outcomes([*trained("mingru", LOW), *trained("lstm-lm", HIGH)])) == []
    assert rivals(outcomes(trained("gpt", LOW))) == []


def test_the_rule_has_the_numbers_that_are_applied() -> None:
    assert "at least 3," in RULE
    assert "by 1% at least" in RULE


# What a model takes off a number


@pytest.mark.parametrize(
    ("bits", "expected", "lacking"),
    [
        ([7.92] * 3, HOLDS, ""),  # exactly 1 % of 8
        ([7.93] * 3, FAILS, ""),
        ([9.0] * 3, FAILS, ""),
        ([5.0, 5.0, 7.99], UNDECIDED, f"2 of 3 seeds gain 1%; {LONGER} may bring all or none there"),
        ([5.0, 5.0], UNDECIDED, FEW_SEEDS),
        ([5.0, 5.0, 5.0, None], UNDECIDED, "1 training came to no end, --resume RUN --retry trains again"),
    ],
)
def test_fine_tuning_lowers_a_loss_where_every_seed_does(bits: list[float | None], expected: str, lacking: str) -> None:
    (found,) = fine_tuned(outcomes(trained("gpt", bits, init_from="folder@1")))
    assert (found.base, found.verdict) == (START, expected)
    assert not lacking or found.lacking == lacking


def test_what_no_seed_gains_is_open_where_another_rate_came_to_no_end() -> None:
    """Nobody knows what it would have come to; one that diverged is known not to gain."""
    again = "1 training came to no end, --resume RUN --retry trains again"
    worse = trained("gpt", [9.0] * 3, init_from="folder@1")
    for status, expected in (("timeout", UNDECIDED), ("failed", FAILS)):
        lost = failed("gpt", status=status, error="not reached", init_from="folder@1")
        (found,) = fine_tuned(outcomes([*worse, lost]))
        assert found.verdict == expected
        assert (found.lacking == again) == (expected == UNDECIDED)
    (better,) = fine_tuned(outcomes([*trained("gpt", [5.0] * 3, init_from="folder@1"), lost]))
    assert better.verdict == HOLDS


def test_what_is_taken_off_is_a_share_of_the_median() -> None:
    (found,) = fine_tuned(outcomes(trained("gpt", [4.0, 6.0, 7.0], init_from="folder@1")))
    assert found.taken_off == 0.25
    assert replace(found, base=0.0).taken_off == 0.0


def test_what_no_other_model_is_compared_with_stands_beside_pairs_of_bytes() -> None:
    cost = record("mingru", "baseline_bits", [3.0], {"method": "bigram"})
    alone = [*trained("mingru", [2.9] * 3), *trained("lstm-lm", [2.98] * 3), cost]
    found = without_rivals(alone, outcomes(alone))
    assert [(each.outcome.model, each.base, each.verdict) for each in found] == [
        ("mingru", 3.0, HOLDS),
        ("lstm-lm", 3.0, FAILS),
    ]
    beside = [*alone, *trained("gpt", LOW)]
    assert without_rivals(beside, outcomes(beside)) == []
    assert without_rivals(alone[:-1], outcomes(alone)) == []


# How far they see


def context(gains: Sequence[float], **fields: int) -> str:
    """The verdict of a model that takes so many bits off with 64 tokens in place of 16."""
    near = [2.0] * len(gains)
    tested = contexts("mingru", {16: near, 64: [2.0 - gain for gain in gains]}, **fields)
    records = [*trained("mingru", [2.0] * len(gains)), *tested]
    (found,) = distant(records, outcomes(records))
    assert (found.shorter, found.longer) == (16, 64)
    return found.verdict


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([0.1, 0.2, 0.3], HOLDS),
        ([0.0625, 0.0625, 0.0625], HOLDS),
        ([0.1, 0.2, 0.01], UNDECIDED),
        ([0.1, 0.01, 0.01], UNDECIDED),
        ([0.01, 0.01, 0.0], FAILS),
        ([-0.5, -0.5, -0.5], FAILS),
        ([0.3, 0.3], UNDECIDED),
        ([0.0, 0.0], UNDECIDED),
    ],
)
def test_context_helps_where_it_does_in_every_seed(gains: list[float], expected: str) -> None:
    assert context(gains) == expected


def test_a_model_that_sees_no_further_is_not_helped_whatever_its_seeds() -> None:
    assert context([0.0], sees=16) == FAILS
    assert context([0.3, 0.3, 0.3], sees=17) == HOLDS


def test_gains_are_formed_within_seeds() -> None:
    """Where the second seed lacks a context, that of the third was taken in its place."""
    tested = contexts("mingru", {16: [2.0, 3.0, 4.0], 64: [1.9, None, 3.8]})
    records = [*trained("mingru", [2.0] * 3), *tested]
    (found,) = distant(records, outcomes(records))
    assert found.gains == pytest.approx([0.1, 0.2])
    assert found.bits == [2.0, 4.0]
    assert found.verdict == UNDECIDED


def test_a_run_that_was_cut_off_between_two_contexts_has_the_gains_of_whole_seeds() -> None:
    """It ended in an error, after Ctrl-C."""
    tested = contexts("mingru", {16: [2.0, 3.0, 4.0], 64: [1.9, 2.8]})
    records = [*trained("mingru", [2.0] * 3), *tested]
    assert distant(records, outcomes(records))[0].gains == pytest.approx([0.1, 0.2])
    none = [*trained("mingru", [2.0]), *contexts("mingru", {16: [None, 2.0], 64: [2.0]})]
    assert distant(none, outcomes(none)) == []


@pytest.mark.parametrize("bits", [{}, {16: [2.0]}, {4: [2.0], 8: [2.0]}, {4: [2.0], 16: [2.0]}])
def test_one_context_alone_or_none_beyond_a_segment_says_nothing(bits: dict[int, list[float]]) -> None:
    records = [*trained("mingru", [2.0]), *contexts("mingru", bits)]
    assert distant(records, outcomes(records)) == []


def test_the_longest_context_is_compared_with_a_segment() -> None:
    tested = contexts("mingru", {4: [3.0], 8: [2.5], 16: [2.0], 32: [1.5], 64: [1.75]})
    records = [*trained("mingru", [2.0]), *tested]
    (found,) = distant(records, outcomes(records))
    assert (found.shorter, found.longer, found.gains, found.bits) == (16, 64, [0.25], [2.0])
