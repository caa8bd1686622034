"""What `gradflow` claims of curves with known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from planted_gradflow import DISTANCES, absent, claim, exponential, found, norms, nothing, power, record

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.gradflow.claims import REACHES, TRAINING, VANISH

HALVED = "Each token back leaves 0.9000 [0.9000, 0.9000] of the gradient, half of it after 6.58 [6.58, 6.58] tokens"
GROWN = "Each token back multiplies the gradient by 1.100 [1.100, 1.100]"
LEVEL = "From 1 token back a gradient of 1.1e-03 [1.0e-03, 1.1e-03] arrives, from 127 back 1.1e-03 [1.0e-03, 1.1e-03]"


def flat(distance: float) -> float:
    return -3.0


@pytest.mark.parametrize(
    ("model", "law", "verdict", "figure"),
    [
        ("lstm", exponential(0.9), HOLDS, HALVED),
        ("lstm", exponential(1.1), FAILS, GROWN),
        ("lstm", flat, FAILS, LEVEL),
        ("attention", flat, HOLDS, LEVEL),
        ("attention", exponential(0.9), FAILS, HALVED),
        ("attention", exponential(1.1), FAILS, GROWN),
    ],
)
def test_the_lessons_claims(model: str, law: Callable[[float], float], verdict: str, figure: str) -> None:
    key = REACHES if model == "attention" else VANISH
    text = "attention reaches every distance alike" if model == "attention" else "Gradients through lstm vanish"
    one = claim(norms(model, law), model, key)
    assert (one.text, one.verdict, one.figure) == (text, verdict, figure)


@pytest.mark.parametrize(("model", "key"), [("lstm", VANISH), ("attention", REACHES)])
def test_a_power_law_neither_vanishes_nor_reaches_alike(model: str, key: str) -> None:
    one = claim(norms(model, power(-0.5)), model, key)
    assert one.verdict == FAILS
    assert one.figure == "Twice as far back leaves 0.707 [0.707, 0.707] of the gradient, by a power law"  # 2 ** -0.5


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "lstm-cell", "flows:Own", "hf:gpt2"])
def test_that_gradients_vanish_is_claimed_of_recurrences_and_of_what_is_not_known(model: str) -> None:
    assert claim(norms(model, exponential(0.9)), model).verdict == HOLDS


@pytest.mark.parametrize("model", ["attention", "attention-naive", "attention-local", "conv"])
def test_that_every_distance_is_reached_alike_is_claimed_of_what_attends_or_convolves(model: str) -> None:
    assert claim(norms(model, flat), model, REACHES).verdict == HOLDS


# What is undecided


@pytest.mark.parametrize(("model", "key"), [("lstm", VANISH), ("attention", REACHES)])
def test_few_rounds_decide_nothing_and_say_what_it_takes(model: str, key: str) -> None:
    one = claim(norms(model, exponential(0.9), rounds=5), model, key)
    assert one.verdict == UNDECIDED
    assert one.why == "an interval takes 6 rounds: --rounds 6, with a --max-seconds that has them"
    assert one.figure.startswith("From 1 token back a gradient of 9.4e-01 arrives, from 127 back ")


def test_few_distances_take_a_longer_sequence() -> None:
    one = claim(norms("lstm", exponential(0.9), distances=[1, 2, 4]), "lstm")
    reason = "fewer than 5 distances from 1 on have a value"
    assert (one.verdict, one.why) == (UNDECIDED, f"{reason}; --seq-len 32 or more has 5 distances")


def test_what_follows_no_law_takes_more_rounds() -> None:
    one = claim(norms("lstm", lambda k: -3.0 if k < 127 else 5.0), "lstm")
    assert one.verdict == UNDECIDED
    assert one.why.endswith("; more rounds may tell, such as --rounds 12")


def test_norms_that_are_absent_decide_nothing() -> None:
    records = [r for r in norms("lstm", exponential(0.9)) if r.axes["distance"] != 127]
    one = claim([*records, absent("lstm", 127)], "lstm")
    assert one.verdict == UNDECIDED
    assert one.why.startswith("exactly 0, or absent, in some rounds from distance 127 on; vanishing up to there; ")


def test_where_nothing_could_be_measured_that_is_said() -> None:
    one = claim([absent("lstm", k) for k in DISTANCES], "lstm")
    assert (one.verdict, one.figure) == (UNDECIDED, "Nothing could be measured of it")
    assert one.why == "exactly 0, or absent, in some rounds from distance 1 on"


# Exactly nothing


def window(model: str, end: int, last: Sequence[float | None] = ()) -> list[Record]:
    """A level up to a distance, and exactly nothing from there on, or in some rounds what is given."""
    near = [r for r in norms(model, flat) if int(r.axes["distance"] or 0) < end]
    return [*near, *(nothing(model, k, *last) for k in DISTANCES if k >= end)]


def test_beyond_a_window_exactly_nothing_arrives_and_not_every_distance_is_reached() -> None:
    one = claim(window("attention-local", 64), "attention-local", REACHES)
    assert (one.verdict, one.figure) == (FAILS, "From 64 tokens back on exactly nothing arrives")
    assert claim(window("flows:Own", 8), "flows:Own").verdict == HOLDS
    everywhere = claim([nothing("flows:Own", k) for k in DISTANCES], "flows:Own")
    assert everywhere.figure == "From 1 token back on exactly nothing arrives"


def test_what_is_exactly_nothing_is_less_than_what_arrives_through_attention() -> None:
    """It was said to be more at every distance, as a distance without a norm was left out."""
    attention = norms("attention", lambda k: -9.0)
    one = claim([*window("flows:Own", 8), *attention], "flows:Own")
    assert one.why == "up to 4 tokens back it is more than through attention, and from 8 on less"
    gap = [nothing("flows:Own", 16) if r.axes["distance"] == 16 else r for r in norms("flows:Own", exponential(1.1))]
    assert claim([*gap, *attention], "flows:Own").why.startswith("exactly 0, or absent, in some rounds")
    rising = [r for r in norms("lstm", exponential(0.9)) if r.axes["distance"] != 64]
    assert claim([*rising, *attention], "lstm").why == ""


def test_what_is_0_in_some_rounds_only_or_in_too_few_is_not_nothing() -> None:
    for last in ([None, None, None, None, None, -3.0], [None] * 5):
        one = claim(window("attention-local", 64, last), "attention-local", REACHES)
        assert one.verdict == UNDECIDED


def test_gradient_that_arrives_again_beyond_a_gap_does_not_end_there() -> None:
    records = [r for r in norms("conv", flat) if r.axes["distance"] != 16]
    assert claim([*records, nothing("conv", 16)], "conv", REACHES).verdict == UNDECIDED


# Beside attention, and in float32


def test_up_to_where_recurrence_passes_on_more_than_attention() -> None:
    """0.5^k against 10^-3: equal at 9.97 tokens."""
    one = claim([*norms("lstm", exponential(0.5)), *norms("attention", flat)], "lstm")
    assert one.why == "up to 8 tokens back it is more than through attention, and from 16 on less"


@pytest.mark.parametrize(("level", "word"), [(-30.0, "more"), (5.0, "less")])
def test_a_recurrence_on_one_side_of_attention_everywhere(level: float, word: str) -> None:
    records = [*norms("lstm", exponential(0.9)), *norms("attention", lambda k: level)]
    assert claim(records, "lstm").why == f"at every distance it is {word} than through attention"


def test_a_distance_at_which_the_two_are_undecided_is_on_neither_side() -> None:
    attention = [r for r in norms("attention", flat) if r.axes["distance"] not in (8, 16)]
    near = [record("attention", "gradient_norm_log10", [-1.0, -8.0] * 3, {"distance": k}) for k in (8, 16)]
    one = claim([*norms("lstm", exponential(0.5)), *attention, *near], "lstm")
    assert one.why == "up to 4 tokens back it is more than through attention, and from 32 on less"


def test_less_is_said_from_where_it_stays_less() -> None:
    """At 4 tokens it is less, and at 8 more again: it was said to be more up to 8."""
    attention = norms("attention", lambda k: 5.0 if k == 4 else -3.0)
    one = claim([*norms("lstm", exponential(0.5)), *attention], "lstm")
    assert one.why == "up to 2 tokens back it is more than through attention, and from 16 on less"


def test_a_recurrence_is_compared_with_attention_of_the_same_settings() -> None:
    lstm = norms("lstm", exponential(0.5), init="chrono", num_layers=2)
    attention = [*norms("attention", flat, num_layers=2), *norms("attention", lambda k: -30.0)]
    one = claim([*attention, *lstm], "lstm")
    assert one.text == "Gradients through lstm (num_layers 2, init chrono) vanish"
    assert one.why == "up to 8 tokens back it is more than through attention, and from 16 on less"
    assert claim([*norms("attention", flat), *lstm], "lstm").why == ""


def test_where_float32_would_have_nothing_left() -> None:
    """0.3^k: below 1e-45 from 87 tokens on."""
    assert claim(norms("lstm", exponential(0.3)), "lstm").why == "from 127 on it would be exactly 0 in float32"
    assert claim(norms("lstm", exponential(0.9)), "lstm").why == ""
    near = norms("flows:Own", lambda k: -50.0 if k == 8 else -3.0)  # it is not 0 at 16 and 32, and nothing from 64 on
    gone = [nothing("flows:Own", k) if (k := int(r.axes["distance"] or 0)) >= 64 else r for r in near]
    assert claim(gone, "flows:Own").why == ""
    itself = record("lstm", "gradient_norm_log10", [-50.0] * 6, {"distance": 0})
    assert claim([itself, *norms("lstm", exponential(0.9))[1:]], "lstm").why == ""


# Several cases


def test_what_tells_two_cases_apart_stands_by_their_names_and_in_their_axes() -> None:
    every = found([*norms("lstm", exponential(0.9)), *norms("lstm", power(-0.5), init="chrono:64")])
    assert [(one.text, one.verdict, one.axes) for one in every] == [
        ("Gradients through lstm (init default) vanish", HOLDS, {"model": "lstm", "init": "default"}),
        ("Gradients through lstm (init chrono:64) vanish", FAILS, {"model": "lstm", "init": "chrono:64"}),
    ]


def test_the_users_own_come_first_then_recurrences() -> None:
    models = ["attention", "lstm", "flows:Own"]
    every = found([r for model in models for r in norms(model, exponential(0.9))])
    assert [one.axes["model"] for one in every] == ["flows:Own", "lstm", "attention"]


# Trained models


def test_how_training_moved_a_model_is_claimed_first_and_at_the_largest_distance() -> None:
    """In every round by 10^40 at distance 127; where a norm is 0 there is no factor, and the one before it is taken."""
    before, after = norms("initial:lstm@copy", lambda k: -k), norms("trained:lstm@copy", lambda k: 40.0 - k)
    every = found([*before, *after])
    assert [one.key for one in every] == [TRAINING, VANISH, VANISH]
    assert (every[0].text, every[0].verdict) == ("Training lets more of the gradient through lstm@copy", HOLDS)
    passes = "passes on 1.0e+40 [1.0e+40, 1.0e+40] times what initial:lstm@copy does"
    assert every[0].figure == f"From 127 tokens back trained:lstm@copy {passes}"
    shorter = [r for r in after if r.axes["distance"] != 127]
    again = claim([*before, *shorter, nothing("trained:lstm@copy", 127)], "trained:lstm@copy", TRAINING)
    assert again.figure.startswith("From 64 tokens back ")
    assert {one.key for one in found(before)} == {VANISH}


def test_training_that_lets_less_through_or_is_not_settled() -> None:
    before = norms("initial:gru@copy", lambda k: -k)
    less = claim([*before, *norms("trained:gru@copy", lambda k: -2.0 - k)], "trained:gru@copy", TRAINING)
    assert less.verdict == FAILS
    alike = claim([*before, *norms("trained:gru@copy", lambda k: -k)], "trained:gru@copy", TRAINING)
    assert alike.verdict == UNDECIDED
    assert alike.figure.endswith("passes on 1.0 [1.0, 1.0] times what initial:gru@copy does")
    assert alike.why == "more seeds of its training may tell"


def test_a_trained_layer_is_claimed_to_be_what_the_layer_is_claimed_to_be() -> None:
    assert claim(norms("trained:attention@copy", flat), "trained:attention@copy", REACHES).verdict == HOLDS


# Nothing


def test_a_run_without_numbers_claims_nothing() -> None:
    fault = replace(record("lstm", "gradient_norm_log10", [None]), status="failed", error="no")
    assert found([]) == []
    assert found([fault]) == []


def test_no_sentence_is_longer_than_a_reader_takes_in() -> None:
    every = found([*norms("lstm", exponential(0.3)), *norms("attention", flat)])
    assert max(len(one.sentence) for one in every) <= 300
