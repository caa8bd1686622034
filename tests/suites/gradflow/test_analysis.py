"""What `gradflow` reads out of norms: laws with known answers, and noise that must give none."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st
from planted_gradflow import DISTANCES, absent, by_round, exponential, norms, nothing, power, record

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.gradflow import remarks
from rnn_vs_attn.suites.gradflow.analysis import Curve, curve_of, derive, settled_law


def read(records: Sequence[Record]) -> dict[str, Record]:
    return {made.metric: made for made in derive(records)}


def test_an_exponential_decay_is_vanishing_with_its_factor_and_half_life() -> None:
    found = read(norms("lstm", exponential(0.9)))
    assert found["gradient_law"].text == "vanishing"
    assert found["decay"].median == pytest.approx(0.9, abs=1e-12)
    assert found["half_life"].median == pytest.approx(math.log(0.5) / math.log(0.9), abs=1e-9)
    assert "power_exponent" not in found


def test_what_is_far_beyond_any_float_is_read_all_the_same() -> None:
    found = read(norms("rnn", exponential(1e-300)))
    assert found["gradient_law"].text == "vanishing"
    assert found["half_life"].median == pytest.approx(math.log10(2) / 300)


def test_growth_is_exploding_and_has_no_half_life() -> None:
    found = read(norms("rnn", exponential(1.1)))
    assert found["gradient_law"].text == "exploding"
    assert found["decay"].median == pytest.approx(1.1)
    assert "half_life" not in found


def test_a_power_law_is_polynomial_with_its_exponent() -> None:
    found = read(norms("lstm", power(-0.5)))
    assert found["gradient_law"].text == "polynomial"
    assert found["power_exponent"].median == pytest.approx(-0.5, abs=1e-12)
    assert "half_life" not in found


def test_a_constant_is_flat() -> None:
    assert read(norms("attention", lambda k: -3.0))["gradient_law"].text == "flat"


def test_less_than_a_factor_of_2_over_all_distances_is_flat() -> None:
    assert read(norms("attention", lambda k: -0.28 * k / 127))["gradient_law"].text == "flat"
    assert read(norms("attention", lambda k: -0.9 * k / 127))["gradient_law"].text == "vanishing"


@pytest.mark.long
@unhurried
@given(st.floats(0.01, 100), st.sampled_from([-1, 1]), st.floats(-900, 900))
def test_a_planted_factor_a_token_is_found(steepness: float, sign: int, level: float) -> None:
    found = read(norms("rnn", lambda k: level + sign * steepness * k))
    assert found["gradient_law"].text == ("exploding" if sign > 0 else "vanishing")
    assert math.log10(found["decay"].median or 0) == pytest.approx(sign * steepness, abs=1e-9)


@pytest.mark.long
@unhurried
@given(st.floats(0.2, 5), st.sampled_from([-1, 1]), st.floats(-900, 900))
def test_a_planted_exponent_is_found(steepness: float, sign: int, level: float) -> None:
    found = read(norms("attention", lambda k: level + power(sign * steepness)(k)))
    assert found["gradient_law"].text == "polynomial"
    assert found["power_exponent"].median == pytest.approx(sign * steepness, abs=1e-9)


@pytest.mark.long
@unhurried
@given(st.floats(-1e5, 1e5))
def test_a_constant_is_flat_at_any_level(level: float) -> None:
    found = read(norms("attention", lambda k: level))
    assert set(found) == {"gradient_law", "decay"}
    assert found["gradient_law"].details == {"text": "flat"}


def test_the_interval_of_a_decay_is_that_of_its_rounds() -> None:
    found = read(by_round("lstm", [exponential(factor) for factor in (0.9, 0.93, 0.91, 0.95, 0.92, 0.94)]))
    decay, life = found["decay"], found["half_life"]
    assert decay.samples == pytest.approx([0.9, 0.93, 0.91, 0.95, 0.92, 0.94])
    assert (decay.low, decay.median, decay.high) == pytest.approx((0.9, 0.925, 0.95))
    assert (life.low, life.high) == pytest.approx((math.log(0.5) / math.log(0.9), math.log(0.5) / math.log(0.95)))


def law_of(change: Callable[[float], float], distances: Sequence[int] = DISTANCES) -> tuple[str, str]:
    """The law on six rounds that are alike."""
    return settled_law(Curve([float(k) for k in distances], [[change(k) for k in distances]] * 6))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda k: -0.300 * k / 126, "flat"),
        (lambda k: -0.302 * k / 126, "vanishing"),
        (lambda k: 0.302 * k / 126, "exploding"),
        (lambda k: 0.300 * math.log10(k) / math.log10(127), "flat"),
        (lambda k: 0.302 * math.log10(k) / math.log10(127), "polynomial"),
    ],
)
def test_the_factor_of_2_is_between_the_first_and_the_last_distance(
    change: Callable[[float], float], word: str
) -> None:
    assert law_of(change) == (word, "")


def test_the_first_distance_may_be_another_than_1() -> None:
    later = DISTANCES[1:]
    assert law_of(lambda k: 0.300 * math.log10(k) / math.log10(127 / 2), later) == ("flat", "")
    assert law_of(lambda k: 0.302 * math.log10(k) / math.log10(127 / 2), later) == ("polynomial", "")


@pytest.mark.parametrize("sign", [-1, 1])
def test_rounds_on_both_sides_of_a_factor_of_2_are_undecided(sign: int) -> None:
    laws = [lambda k: sign * 0.2 * k / 127, lambda k: sign * 0.9 * k / 127] * 3
    found = read(by_round("lstm", laws))["gradient_law"]
    assert found.text == "undecided"
    assert found.details["reason"] == "the change over the range is not clearly more than a factor of 2"


def test_ups_and_downs_are_flat_within_a_factor_of_2_only() -> None:
    assert law_of(lambda k: 0.2 * (-1) ** int(k).bit_length()) == ("flat", "")
    assert law_of(lambda k: 0.4 * (-1) ** int(k).bit_length())[0] == "undecided"


def test_five_distances_are_enough() -> None:
    assert law_of(exponential(0.9), [1, 2, 4, 8, 15]) == ("vanishing", "")


def bent(near: float) -> Callable[[float], float]:
    """0.1 decades a token, but `near` times that up to a distance of 16."""
    return lambda k: -0.1 * (near * min(k, 16) + max(k - 16, 0))


@pytest.mark.parametrize(
    ("law", "said"),
    [
        (bent(1.6), ("vanishing", "")),
        (bent(0.6), ("vanishing", "")),
        (
            bent(2.0),
            ("undecided", "vanishing fits best, but up to distance 127 it explains only 98.9% of the variance"),
        ),
        (bent(2.5), ("undecided", "vanishing over all distances, but not at the same rate over those up to 16")),
        (bent(0.4), ("undecided", "vanishing over all distances, but not at the same rate over those up to 16")),
    ],
)
def test_an_exponential_must_be_the_same_near_by(law: Callable[[float], float], said: tuple[str, str]) -> None:
    assert law_of(law) == said


def off(law: Callable[[float], float], distance: int, by: float) -> Callable[[float], float]:
    return lambda k: law(k) + (by if k == distance else 0)


@pytest.mark.parametrize(
    ("law", "upto", "part"),
    [
        (off(lambda k: -0.02 * k, 127, 0.5), 127, "98.6%"),
        (off(lambda k: -0.02 * k, 32, 0.22), 64, "96.7%"),
        (off(power(-1), 127, 0.7), 127, "89.6%"),
        (off(power(-1), 4, 0.7), 64, "88.1%"),
    ],
)
def test_a_law_must_explain_what_is_measured(law: Callable[[float], float], upto: int, part: str) -> None:
    reason = f"fits best, but up to distance {upto} it explains only {part} of the variance"
    assert law_of(law)[1].partition(" ")[2] == reason


@pytest.mark.parametrize(
    ("law", "word"),
    [
        (off(lambda k: -0.02 * k, 127, 0.4), "vanishing"),
        (off(lambda k: -0.02 * k, 32, 0.1), "vanishing"),
        (off(power(-1), 127, 0.5), "polynomial"),
        (off(power(-1), 4, 0.5), "polynomial"),
        (lambda k: -0.6 * math.log10(k) - 0.4 * k / 64, "polynomial"),
        (lambda k: -0.9 * min(math.log10(k), 1.2) - 0.5 * math.log10(k), "polynomial"),
    ],
)
def test_a_law_may_be_a_little_off(law: Callable[[float], float], word: str) -> None:
    assert law_of(law) == (word, "")


def test_one_distance_makes_no_law() -> None:
    found = read(norms("attention", lambda k: -2.0 if k == 127 else -3.0))["gradient_law"]
    assert found.text == "undecided"
    assert found.details["reason"] == "exploding over all distances, but not at the same rate over those up to 16"


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (norms("lstm", exponential(0.9), rounds=5), "5 of the 6 rounds"),
        (norms("lstm", exponential(0.9), distances=[1, 2, 4, 7]), "fewer than 5 distances"),
    ],
)
def test_too_little_is_undecided(records: list[Record], said: str) -> None:
    found = read(records)
    assert found["gradient_law"].text == "undecided"
    assert said in found["gradient_law"].details["reason"]
    assert found["decay"].median == pytest.approx(0.9)


def test_two_layers_of_attention_do_not_explode() -> None:
    """Norms of `attention --num-layers 2 --seq-len 256`: later inputs are in fewer of the averages."""
    seen = dict(zip([0, *DISTANCES[:-1], 128, 255], [2.0, 2.1, 2.2, 2.3, 2.6, 3.7, 6.3, 13, 30, 260], strict=True))
    found = read(norms("attention", lambda k: math.log10(seen[int(k)]) - 5, distances=list(seen)[1:]))["gradient_law"]
    assert found.text == "undecided"
    assert "exploding fits best, but" in found.details["reason"]


def test_zeros_are_said_and_make_no_law() -> None:
    zeros = [record("mine:Window", "gradient_norm_log10", [None] * 6, {"distance": k}) for k in (64, 127)]
    records = [*norms("mine:Window", lambda k: -1.0, distances=DISTANCES[:-2]), *(replace(z, zero=True) for z in zeros)]
    found = read(records)["gradient_law"]
    assert found.text == "undecided"
    assert found.details["reason"] == "exactly 0, or absent, in some rounds from distance 64 on; flat up to there"


def test_rounds_of_different_laws_are_undecided() -> None:
    found = read(by_round("lstm", [exponential(0.9), power(-1.0)] * 3))["gradient_law"]
    assert found.text == "undecided"
    assert found.details["reason"].startswith("neither an exponential nor a power law fits better")


@pytest.mark.long
@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_noise_is_no_law(scale: float) -> None:
    """Over 200 draws; a law other than flat or undecided is a false one."""
    found = set()
    for seed in range(200):
        draw = random.Random(seed)
        rounds = [[draw.gauss(0, scale) for _ in DISTANCES] for _ in range(6)]
        found.add(settled_law(Curve([float(k) for k in DISTANCES], rounds))[0])
    assert found <= {"undecided", "flat"}


def test_a_noisy_decay_is_still_found() -> None:
    for seed in range(50):
        draw = random.Random(seed)
        rounds = [[exponential(0.9)(k) + draw.gauss(0, 0.1) for k in DISTANCES] for _ in range(6)]
        assert settled_law(Curve([float(k) for k in DISTANCES], rounds)) == ("vanishing", "")


def test_distances_that_a_round_lacks_are_left_out() -> None:
    records = norms("lstm", exponential(0.9))
    torn = record("lstm", "gradient_norm_log10", [-1.0, None, -1.0, -1.0, -1.0, -1.0], {"distance": 100})
    curve = curve_of([*records[1:], torn])
    assert curve.distances == DISTANCES
    assert len(curve.rounds) == 6


def test_a_distance_that_has_fewer_rounds_than_the_others_is_left_out() -> None:
    records = norms("lstm", exponential(0.9))
    shorter = record("lstm", "gradient_norm_log10", [9.0] * 5, {"distance": 100})
    assert curve_of([shorter, *records[1:]]).distances == DISTANCES
    assert read([shorter, *records])["decay"].median == pytest.approx(0.9, abs=1e-12)


def test_beside_zeros_the_decay_is_that_of_the_other_distances() -> None:
    records = [*norms("lstm", exponential(0.9), distances=DISTANCES[:6]), nothing("lstm", 64), nothing("lstm", 127)]
    found = read(records)
    assert set(found) == {"gradient_law", "decay"}
    assert found["decay"].median == pytest.approx(0.9, abs=1e-12)


def test_a_zero_in_one_round_is_said_and_its_distance_left_out() -> None:
    torn = nothing("lstm", 100, 40.0, None, 40.0, 40.0, 40.0, 40.0)
    found = read([*norms("lstm", exponential(0.9)), torn])
    reason = "exactly 0, or absent, in some rounds from distance 100 on; vanishing up to there"
    assert found["gradient_law"].details["reason"] == reason
    assert found["decay"].median == pytest.approx(0.9, abs=1e-12)


def test_where_nothing_arrives_at_all_there_is_a_reason_and_no_number() -> None:
    found = read([nothing("flows:Own", k) for k in DISTANCES])
    assert set(found) == {"gradient_law"}
    assert found["gradient_law"].details["reason"] == "exactly 0, or absent, in some rounds from distance 1 on"


def test_a_decay_says_up_to_where_it_was_fitted() -> None:
    """Beyond a zero, or where the rest is rounding, the law may be another one."""
    records = [
        *norms("flows:Own", exponential(0.9), distances=DISTANCES[:5]),
        *(nothing("flows:Own", k) for k in (32,)),
    ]
    (decay,) = [r for r in derive([*records, *norms("flows:Own", exponential(0.99), distances=[64, 127])[1:]]) if r.ok]
    assert decay.median == pytest.approx(0.9, abs=1e-12)
    assert remarks.decay(decay) == "0.9000 [0.9000, 0.9000] up to 16"
    assert remarks.decay(read(norms("lstm", exponential(0.9)))["decay"]) == "0.9000 [0.9000, 0.9000]"


def test_distances_lost_to_rounding_make_no_law() -> None:
    lost = [absent("flows:Own", k) for k in DISTANCES[6:]]
    found = read([*norms("flows:Own", exponential(0.5), distances=DISTANCES[:6]), *lost])
    assert found["gradient_law"].text == "undecided"
    reason = "exactly 0, or absent, in some rounds from distance 64 on; vanishing up to there"
    assert found["gradient_law"].details["reason"] == reason
    assert set(found) == {"gradient_law"}


def test_where_most_distances_are_there_the_decay_is_theirs() -> None:
    """A minGRU decays by 0.515 a token up to 32 and by 0.497 up to 255: the one was printed in place of the other."""
    near = norms("flows:Own", exponential(0.5), distances=DISTANCES[:-1])
    assert read([*near, absent("flows:Own", 127)])["decay"].details["up_to"] == 64
    assert "decay" not in read([*near[:-1], absent("flows:Own", 64), absent("flows:Own", 127)])


def test_a_delay_has_no_decay_whatever_arrives_beyond() -> None:
    zeros = [nothing("gaps:Delay", k) for k in DISTANCES]
    arrives = [record("gaps:Delay", "gradient_norm_log10", [0.0] * 6, {"distance": k}) for k in (5, 100)]
    found = read([*zeros, *arrives])
    assert set(found) == {"gradient_law"}
    assert found["gradient_law"].details["reason"] == "exactly 0, or absent, in some rounds from distance 1 on"


def test_a_distance_that_failed_is_left_out() -> None:
    records = norms("lstm", exponential(0.9))
    failed = replace(records[-1], samples=[5.0] * 6, status="crashed", error="no")
    assert read([*records[:-1], failed])["decay"].median == pytest.approx(0.9, abs=1e-12)


def test_what_the_future_and_the_token_itself_pass_on_is_no_part_of_a_law() -> None:
    beside = [record("lstm", "gradient_norm_log10", [30.0] * 6, {"distance": k}) for k in (0, -8)]
    assert read([*beside, *norms("lstm", exponential(0.9))[1:]])["gradient_law"].text == "vanishing"


def test_two_distances_have_a_decay_and_one_has_none() -> None:
    assert read(norms("lstm", exponential(0.9), distances=[1, 2]))["decay"].median == pytest.approx(0.9)
    assert set(read(norms("lstm", exponential(0.9), distances=[1]))) == {"gradient_law"}


def test_one_round_has_a_decay_without_an_interval() -> None:
    found = read(norms("lstm", exponential(0.9), rounds=1))
    assert found["gradient_law"].details["reason"] == "1 of the 6 rounds that an interval needs"
    assert (found["decay"].median, found["decay"].low) == (pytest.approx(0.9), None)
    assert found["decay"].details["reason"] == "1 round; an interval at 95% needs 6"


def test_the_order_of_records_does_not_matter() -> None:
    records = norms("lstm", exponential(0.9))
    assert derive(records[::-1]) == derive(records)


def test_readings_stand_at_the_axes_of_their_case() -> None:
    records = norms("lstm", power(-0.5))
    axes = {name: value for name, value in records[0].axes.items() if name != "distance"}
    made = derive(records)
    assert [r.metric for r in made] == ["gradient_law", "decay", "power_exponent"]
    assert [r.axes for r in made] == [axes] * 3


def test_a_half_life_over_rounds_of_which_one_grows_is_that_of_the_others() -> None:
    """Nine rounds, so that the interval leaves the outermost out."""
    rounds = [exponential(0.9)] * 8 + [exponential(1.01)]
    records = [
        record("lstm", "gradient_norm_log10", [law(k) for law in rounds], {"distance": k}) for k in (0, *DISTANCES)
    ]
    found = read(records)
    assert found["gradient_law"].text == "vanishing"
    assert found["half_life"].samples[-1] is None
    assert found["half_life"].high == pytest.approx(6.5788, abs=1e-3)


def test_cases_are_read_apart() -> None:
    records = [*norms("lstm", exponential(0.9)), *norms("lstm", power(-0.5), init="chrono")]
    words = {made.axes["init"]: made.text for made in derive(records) if made.metric == "gradient_law"}
    assert words == {"default": "vanishing", "chrono": "polynomial"}
