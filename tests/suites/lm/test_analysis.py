"""Verdicts of `lm` at the edges of its rule, how far models see, and which rates later seeds have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from planted_lm import RATES, STEPS, case, contexts, failed, grid, record, said, trained

from rnn_vs_attn.records.checks import problems
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.lm.analysis import (
    FAILS,
    HOLDS,
    PARTS,
    RULE,
    TIME,
    TOKENS,
    UNDECIDED,
    context_claims,
    derive,
    loss_claims,
    of_memory,
    of_round,
)
from rnn_vs_attn.suites.lm.outcomes import outcomes

LOW, HIGH = [2.0, 2.0, 2.0], [3.0, 3.1, 3.2]


def verdicts(records: Sequence[Record]) -> dict[tuple[str, str, str], str]:
    """Of each claim, by the one that is said to be lower, the other one, and what both have as much of."""
    found = [r for r in derive(records) if r.metric == "verdict"]
    return {(str(r.axes["model"]), str(r.axes["beside"]), str(r.axes["equal"])): r.details["text"] for r in found}


def verdict(gpt: Sequence[Record], other: Sequence[Record], equal: str) -> str:
    (found,) = {text for (_, _, of), text in verdicts([*gpt, *other]).items() if of == equal}
    return found


def sentence(records: Sequence[Record], equal: str) -> str:
    (found,) = [line for line in said(records) if f'at equal {equal}"' in line]
    return found


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
    assert verdict(grid("gpt", gpt), grid("lstm-lm", lstm), equal) == expected


def test_what_is_too_near_and_what_is_too_few_is_said() -> None:
    near = sentence([*trained("gpt", LOW), *trained("lstm-lm", [2.01] * 3)], TIME)
    assert near.endswith("lstm-lm 2.010 2.010 2.010; their seeds overlap, or are less than 1% apart).")
    few = sentence([*trained("gpt", LOW), *trained("lstm-lm", [3.0] * 2)], TIME)
    assert few.endswith("; a verdict takes 3 seeds).")


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
    assert verdicts(records)["gpt", "lstm-lm", TIME] == ours
    swapped = [*trained("lstm-lm", [2.0] * 3), *trained("gpt", [end] * 3, seconds=80.0, middle=[middle] * 3)]
    assert verdicts(swapped)["gpt", "lstm-lm", TIME] == expected


def test_one_that_got_worse_is_not_said_to_lose_where_it_was_lower_with_as_much_time() -> None:
    """gpt was said to have the lower loss after 40 s, beside numbers that said the opposite."""
    told = sentence([*trained("gpt", [2.0] * 3), *slow([3.5] * 3, [1.99] * 3)], TIME)
    assert 'at equal time": undecided (after 40 s' in told
    assert "gpt 2.000 2.000 2.000; lstm-lm 1.990 1.990 1.990; their seeds overlap" in told


def test_one_in_between_is_undecided_and_it_is_said_by_what() -> None:
    """They were said to be too near each other, at 2.0 and 3.5 bits."""
    told = sentence([*trained("gpt", [2.0] * 3), *slow([1.5] * 3, [3.5] * 3)], TIME)
    assert "gpt 2.000 2.000 2.000; lstm-lm 3.500 3.500 3.500" in told
    assert told.endswith(
        "lstm-lm had more time and came to 1.500 1.500 1.500; --seconds-per-model, the same for all, decides)."
    )
    given = {"seconds_per_model": 40}
    gpt = trained("gpt", [2.0] * 3, **given)
    told = sentence([*gpt, *trained("lstm-lm", [1.5] * 3, seconds=44.0, middle=[9.0] * 3, **given)], TIME)
    assert told.endswith("lstm-lm had more time and came to 1.500 1.500 1.500).")


def test_equal_tokens_are_those_of_the_one_that_had_fewer() -> None:
    """By hand: half of the steps are 6,400 tokens, where the other one was at 5 bits."""
    gpt, fewer = trained("gpt", [2.0] * 3), trained("lstm-lm", [3.0] * 3, steps=STEPS // 2)
    told = sentence([*gpt, *fewer], TOKENS)
    assert "undecided (after 6,400 tokens, bits a byte: gpt 5.000 5.000 5.000; lstm-lm 3.000 3.000 3.000; " in told
    assert told.endswith("gpt had more tokens and came to 2.000 2.000 2.000; --steps, the same for all, decides).")
    assert verdict(trained("gpt", [2.0] * 3, middle=[2.5] * 3), fewer, TOKENS) == HOLDS
    assert verdict(trained("gpt", [3.5] * 3, middle=[4.0] * 3), fewer, TOKENS) == FAILS
    near = sentence([*trained("gpt", [2.0] * 3, middle=[3.0] * 3), *fewer], TOKENS)
    assert near.endswith("their seeds overlap, or are less than 1% apart).")


def test_a_model_is_not_said_to_lose_where_a_rate_of_it_was_not_reached() -> None:
    gpt, lstm = trained("gpt", LOW), [*trained("lstm-lm", HIGH), failed("lstm-lm", RATES[2], "timeout")]
    assert verdict(gpt, lstm, TIME) == UNDECIDED
    assert sentence([*gpt, *lstm], TIME).endswith("; 1 training of lstm-lm came to no end).")
    assert verdict([*gpt, failed("gpt", RATES[2], "timeout")], trained("lstm-lm", HIGH), TIME) == HOLDS
    assert verdict(gpt, grid("lstm-lm", HIGH, (9.0, None)), TIME) == HOLDS  # one that diverged has lost


def test_a_model_of_which_a_seed_diverged_does_not_win_by_the_seeds_that_are_left() -> None:
    gpt = trained("gpt", [2.0, 2.0, 2.0, None])
    gpt[0] = replace(gpt[0], status="failed", error="NaN")
    assert verdict(gpt, trained("lstm-lm", [3.0] * 4), TIME) == UNDECIDED
    assert sentence([*gpt, *trained("lstm-lm", [3.0] * 4)], TIME).endswith("; 1 training of gpt came to no end).")


def test_duels_are_those_of_gpt_beside_each_other_and_of_a_memory_beside_none() -> None:
    records = [each for n in (0, 8, 32) for each in trained("transformer-xl", LOW, memory_len=n)]
    found = outcomes([*records, *trained("gpt", LOW), *trained("mingru", LOW)])
    pairs = {(loss.ours.model, loss.theirs.model) for loss in loss_claims(found) if loss.of == TIME}
    memories = [f"transformer-xl (memory {n})" for n in (0, 8, 32)]
    assert pairs == {
        *(("gpt", other) for other in (*memories, "mingru")),
        *((memory, memories[0]) for memory in memories[1:]),
    }
    assert {(a.model, b.model) for a in found for b in found if of_memory(a, b)} == {
        (memory, memories[0]) for memory in memories[1:]
    }


def test_no_duel_is_fought_across_lengths_or_without_gpt() -> None:
    assert verdicts([*trained("gpt", LOW), *trained("lstm-lm", HIGH, seq_len=32)]) == {}
    assert verdicts([*trained("mingru", LOW), *trained("lstm-lm", HIGH)]) == {}
    assert verdicts(trained("gpt", LOW)) == {}
    assert derive([]) == []


def test_the_rule_has_the_numbers_that_are_applied() -> None:
    assert "at least 3," in RULE
    assert "by 1% at least" in RULE


# How far they see


def context(gains: Sequence[float], **fields: int) -> str:
    """The verdict of a model that takes so many bits off with 64 tokens in place of 16."""
    near = [2.0] * len(gains)
    tested = contexts("mingru", {16: near, 64: [2.0 - gain for gain in gains]}, **fields)
    records = [*trained("mingru", [2.0] * len(gains)), *tested]
    (found,) = context_claims(records, outcomes(records))
    (gained,) = [r for r in derive(records) if r.metric == "context_gain"]
    assert gained.details["text"] == found.verdict
    assert gained.samples == pytest.approx(gains)
    assert (gained.axes["from"], gained.axes["to"]) == (16, 64)
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
    (found,) = context_claims(records, outcomes(records))
    assert found.gains == pytest.approx([0.1, 0.2])
    assert found.bits == [2.0, 4.0]
    assert found.verdict == UNDECIDED


def test_a_run_that_was_cut_off_between_two_contexts_has_the_gains_of_whole_seeds() -> None:
    """It ended in an error, after Ctrl-C."""
    tested = contexts("mingru", {16: [2.0, 3.0, 4.0], 64: [1.9, 2.8]})
    records = [*trained("mingru", [2.0] * 3), *tested]
    assert context_claims(records, outcomes(records))[0].gains == pytest.approx([0.1, 0.2])
    none = [*trained("mingru", [2.0]), *contexts("mingru", {16: [None, 2.0], 64: [2.0]})]
    assert context_claims(none, outcomes(none)) == []


@pytest.mark.parametrize("bits", [{}, {16: [2.0]}, {4: [2.0], 8: [2.0]}, {4: [2.0], 16: [2.0]}])
def test_one_context_alone_or_none_beyond_a_segment_says_nothing(bits: dict[int, list[float]]) -> None:
    records = [*trained("mingru", [2.0]), *contexts("mingru", bits)]
    assert context_claims(records, outcomes(records)) == []


def test_the_longest_context_is_compared_with_a_segment() -> None:
    tested = contexts("mingru", {4: [3.0], 8: [2.5], 16: [2.0], 32: [1.5], 64: [1.75]})
    records = [*trained("mingru", [2.0]), *tested]
    (found,) = context_claims(records, outcomes(records))
    assert (found.shorter, found.longer, found.gains, found.bits) == (16, 64, [0.25], [2.0])


# Effective lengths

NEAR = {16: [[1.0, 1.0]], 32: [[1.0, 1.0]], 64: [[1.0, 1.0]]}
FAR = {16: [[3.0, 1.5]], 32: [[0.5, 0.5]], 64: [[0.0, 0.5]]}


def lengths(records: Sequence[Record], part: float = 1.0) -> dict[str, list[float | None]]:
    found = [r for r in derive(records) if r.metric == "recl" and r.axes["part"] == part]
    return {str(r.axes["model"]): r.samples for r in found}


def after(model: str, nats: dict[int, list[list[float]]]) -> list[Record]:
    seeds = max(len(each) for each in nats.values())
    bits = {context: [1.0] * len(each) for context, each in nats.items()}
    return [*trained(model, [2.0] * seeds), *contexts(model, bits, nats=nats)]


def test_effective_lengths_are_those_of_the_group() -> None:
    records = [*after("gpt", NEAR), *after("mingru", FAR)]
    for part in PARTS:
        assert lengths(records, part) == {"gpt": [16], "mingru": [64]}


def test_a_model_alone_is_no_group() -> None:
    assert lengths(after("mingru", FAR)) == {}
    assert lengths([*after("mingru", {16: FAR[16]}), *after("gpt", {16: NEAR[16]})]) == {}
    assert lengths([*after("gpt", NEAR), *trained("mingru", [2.0], seq_len=32)]) == {}


def test_each_seed_has_a_length_where_all_models_have_that_seed() -> None:
    """Where the second seed of one was lost, its third was beside the second of the others."""
    flat = {n: [[1.0, 1.0]] * 3 for n in NEAR}
    steep = {16: [[3.0, 1.5]] * 3, 32: [[0.5, 0.5], [0.5, 0.5], [1.0, 1.0]], 64: [[0.0, 0.5], [0.0, 0.5], [1.0, 1.0]]}
    gpt = [*trained("gpt", [2.0, None, 2.0]), *contexts("gpt", {n: [1.0, None, 1.0] for n in NEAR}, nats=flat)]
    mingru = [*trained("mingru", [2.0] * 3), *contexts("mingru", {n: [1.0] * 3 for n in NEAR}, nats=steep)]
    assert lengths([*gpt, *mingru]) == {"gpt": [16, 16], "mingru": [64, 16]}


def test_a_model_that_takes_no_longer_context_has_no_length_and_leaves_those_of_others() -> None:
    """A layer of the user's own that ends at 32 tokens made all others end there."""
    own = {n: NEAR[n] for n in (16, 32)}
    assert lengths([*after("gpt", NEAR), *after("mingru", FAR), *after("lstm-lm", own)]) == {
        "gpt": [16],
        "mingru": [64],
    }
    assert lengths([*after("gpt", NEAR), *after("lstm-lm", own)]) == {}


def test_what_is_derived_can_be_stored() -> None:
    """No line twice, with several memories, lengths and models."""
    records = [
        each
        for n in (16, 32)
        for model, memory in (("gpt", 0), ("mingru", 0), *(("transformer-xl", m) for m in (0, 8, 32)))
        for each in [
            *trained(model, LOW, seq_len=n, memory_len=memory),
            *contexts(model, {n: LOW, 4 * n: LOW}, nats={n: [[1.0]], 4 * n: [[1.0]]}, seq_len=n, memory_len=memory),
        ]
    ]
    found = derive(records)
    assert {r.metric for r in found} == {"verdict", "context_gain", "recl"}
    assert list(problems([*records, *found])) == []


# Which cases later rounds have


def test_later_rounds_have_each_models_best_rate_by_its_first_seed() -> None:
    cases = [case(model, rate) for model in ("gpt", "mingru") for rate in RATES]
    records = [*grid("gpt", [2.0, 9.0]), *grid("mingru", [2.0], (1.5, None))]
    assert of_round(0, cases, records) == cases
    assert of_round(1, cases, records) == of_round(2, cases, records) == [cases[1], cases[3]]


def test_a_rate_that_diverged_is_never_the_best_and_a_loss_of_0_is() -> None:
    cases = [case("gpt", rate) for rate in RATES]
    assert of_round(1, cases, [failed("gpt", RATES[0]), record("gpt", "bits_per_byte", [9.0], rate=RATES[2])]) == [
        cases[2]
    ]
    zero = [
        record("gpt", "bits_per_byte", [bits], rate=rate) for rate, bits in zip(RATES, (0.1, 0.0, 0.2), strict=True)
    ]
    assert of_round(1, cases, zero) == [cases[1]]
    assert of_round(1, cases, []) == []
