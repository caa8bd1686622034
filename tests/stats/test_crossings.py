"""Where two curves cross: closed forms, what is settled and what is not, and how often an interval misses."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest
from fakes import unhurried
from hypothesis import assume, given
from hypothesis import strategies as st

from rnn_vs_attn.stats import crossings
from rnn_vs_attn.stats.crossings import Crossing, Stretch

LENGTHS = [64, 128, 256, 512, 1024]
DRIFT = [1.0, 1.7, 0.6, 2.9, 1.2, 4.0]  # how slow the machine is in each round
Curve = Callable[[float], float]


def power_law(at: float, exponent: float) -> Curve:
    return lambda n: (n / at) ** exponent


def exact(ours: Curve, theirs: Curve, lengths: Sequence[float] = LENGTHS, rounds: Sequence[float] = DRIFT) -> Crossing:
    """Without noise within a round."""
    curves = ([[curve(n) * slow for n in lengths] for slow in rounds] for curve in (ours, theirs))
    return crossings.crossing(lengths, *curves)


def noisy(gap: Curve, noise: float, rounds: int, draw: random.Random, shared: float = 0.0) -> Crossing:
    """gap: the exact difference of logarithms. shared: noise of all points of a model in a round."""
    ours, theirs = ([_noisy(gap if i else None, noise, shared, draw) for _ in range(rounds)] for i in (0, 1))
    return crossings.crossing(LENGTHS, ours, theirs)


def _noisy(gap: Curve | None, noise: float, shared: float, draw: random.Random) -> list[float]:
    level = draw.gauss(0, shared)
    return [math.exp((gap(n) if gap else 0.0) + level + draw.gauss(0, noise)) for n in LENGTHS]


def misses(found: Crossing, at: float) -> bool:
    if found.low is None or found.high is None:
        return found.everywhere is not None
    return not found.low <= at <= found.high


# Closed forms


@pytest.mark.long
@unhurried
@given(st.floats(65, 1023), st.floats(-3, 3), st.floats(-3, 3))
def test_the_crossing_of_two_power_laws_is_exact(at: float, p: float, q: float) -> None:
    assume(abs(p - q) > 0.01)
    found = exact(power_law(at, p), power_law(at, q))
    assert (found.at, found.low, found.high) == pytest.approx((at, at, at), rel=1e-6)
    assert (found.first, found.last) == (p > q, p < q)


def test_a_curve_that_is_not_straight_crosses_where_it_does() -> None:
    """a n^2 + b n against c n, equal at 300: no noise, and a straight line between 256 and 512 gives 293."""
    found = exact(lambda n: n, lambda n: 0.5 * n * n / 300 + 0.5 * n)
    assert found.at == pytest.approx(300, rel=1e-3)
    assert found.low == pytest.approx(294, abs=1)
    assert found.high == pytest.approx(300, rel=1e-3)


def test_equal_at_a_length_that_was_measured_is_a_crossing_there() -> None:
    found = crossings.crossing(LENGTHS, [[1, 1, 2, 4, 4]] * 6, [[2] * 5] * 6)
    assert (found.low, found.high) == pytest.approx((256, 256))


def test_equal_at_the_last_length_is_no_crossing_and_not_the_same_side_everywhere() -> None:
    found = crossings.crossing(LENGTHS, [[1, 1, 1, 1, 2]] * 6, [[2] * 5] * 6)
    assert (found.at, found.first, found.last, found.everywhere) == (None, True, None, None)


def test_curves_that_never_meet_are_on_one_side_everywhere() -> None:
    assert exact(power_law(1, 1), power_law(2, 1)).everywhere is False
    assert exact(power_law(2, 1), power_law(1, 1)).everywhere is True
    assert exact(power_law(2, 1), power_law(1, 1), [64, 128]).everywhere is True


def test_between_two_lengths_alone_nothing_is_known() -> None:
    found = exact(power_law(300, 1), power_law(300, 2), [64, 1024])
    assert (found.low, found.high) == pytest.approx((64, 1024))


def test_one_length_or_no_round_is_no_crossing() -> None:
    assert crossings.crossing([64], [[1.0]] * 6, [[2.0]] * 6) == Crossing(rounds=6)
    assert crossings.crossing(LENGTHS, [], []).at is None


def test_several_crossings_are_no_crossing_but_where_each_side_is_settled() -> None:
    found = crossings.crossing(LENGTHS, [[1.0, 4.0, 1.0, 4.0, 4.0]] * 6, [[2.0] * 5] * 6)
    assert found.several
    assert (found.at, found.low, found.high) == (None, None, None)
    assert [s.lower for s in found.stretches] == [True, False, True, False]
    assert found.stretches[1].start < 128 < found.stretches[1].end


def test_two_crossings_are_not_outside_of_the_range() -> None:
    found = crossings.crossing(LENGTHS, [[1.0, 1.0, 4.0, 1.0, 1.0]] * 6, [[2.0] * 5] * 6)
    assert found.several
    assert found.everywhere is None


# What is settled


def test_where_all_rounds_but_those_near_the_first_length_agree_one_end_is_open() -> None:
    curves = [[(n / at) ** 0.5 for n in LENGTHS] for at in (100, 110, 120, 130, 140, 9)]
    found = crossings.crossing(LENGTHS, [[1.0] * 5] * 6, curves)
    assert (found.at, found.low, found.high, found.first, found.last) == (None, None, None, None, True)
    assert found.stretches == (Stretch(pytest.approx(140), 1024.0, True),)


def test_rounds_that_disagree_settle_nothing() -> None:
    curves = [[(n / at) ** 0.5 for n in LENGTHS] for at in (9, 9000, 9, 9000, 9, 9000)]
    found = crossings.crossing(LENGTHS, [[1.0] * 5] * 6, curves)
    assert (found.stretches, found.first, found.last) == ((), None, None)


def test_few_rounds_have_a_crossing_and_no_interval() -> None:
    found = exact(power_law(256, 1), power_law(256, 2), rounds=[1.0, 1.1])
    assert found.at == pytest.approx(256)
    assert (found.low, found.high) == (None, None)
    assert found.reason == "2 rounds; an interval at 95% needs 6"


def test_many_rounds_are_read_in_parts_with_the_same_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, five hundred rounds of some thousand cases took most of the memory of a report."""
    rng = random.Random(5)
    lengths = [64.0, 128.0, 256.0, 512.0]
    mine, other = ([[n**p * rng.lognormvariate(0, 0.2) for n in lengths] for _ in range(40)] for p in (1.0, 1.3))
    scaled = [[value * 128**0.3 for value in row] for row in mine]
    whole = crossings.crossing(lengths, scaled, other)
    monkeypatch.setattr(crossings, "_READ_AT_ONCE", 1000)
    assert crossings.crossing(lengths, scaled, other) == whole
    assert whole.at is not None


def test_the_order_of_rounds_and_of_the_two_curves_does_not_matter() -> None:
    draw = random.Random(4)
    gaps = [[0.3 * math.log(n / 200) + draw.gauss(0, 0.1) for n in LENGTHS] for _ in range(9)]
    found, turned = crossings.crossing_of_gaps(LENGTHS, gaps), crossings.crossing_of_gaps(LENGTHS, gaps[::-1])
    assert found == turned
    other = crossings.crossing_of_gaps(LENGTHS, [[-gap for gap in round_] for round_ in gaps])
    assert (other.at, other.low, other.high) == pytest.approx((found.at, found.low, found.high))


# How often an interval misses


@pytest.mark.long
@pytest.mark.parametrize("rounds", [6, 12])
@pytest.mark.parametrize("slope", [0.1, 1.0])
@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_an_interval_seldom_misses_however_nearly_parallel_the_curves(slope: float, noise: float, rounds: int) -> None:
    draw = random.Random(f"{slope} {noise} {rounds}")
    found = [noisy(power_law_gap(slope, 300), noise, rounds, draw) for _ in range(300)]
    assert sum(misses(one, 300) for one in found) <= 0.07 * len(found)


def power_law_gap(slope: float, at: float) -> Curve:
    return lambda n: slope * math.log(n / at)


@pytest.mark.long
@pytest.mark.parametrize("rounds", [6, 9, 12])
@pytest.mark.parametrize("at", [100, 300, 600])
def test_curves_that_are_not_nearly_parallel_get_an_answer(at: float, rounds: int) -> None:
    draw = random.Random(at)
    found = [noisy(power_law_gap(0.5, at), 0.05, rounds, draw) for _ in range(100)]
    assert sum(one.low is not None for one in found) >= 90
    assert sum(misses(one, at) for one in found) <= 7


@pytest.mark.long
def test_the_crossing_of_nearly_parallel_curves_is_not_pushed_to_the_right() -> None:
    """True crossing 300, slopes 0.1 apart, noise 0.1 a point, 12 rounds: the last change of sign gave 532."""
    draw = random.Random(2)
    found = [noisy(power_law_gap(0.1, 300), 0.1, 12, draw) for _ in range(400)]
    at = sorted(one.at for one in found if one.at is not None)
    assert 250 < at[len(at) // 2] < 360


@pytest.mark.long
@pytest.mark.parametrize("at", [70, 900])
def test_noise_never_puts_a_crossing_near_an_end_outside_of_the_range(at: float) -> None:
    draw = random.Random(at)
    found = [noisy(power_law_gap(0.1, at), 0.05, 12, draw) for _ in range(300)]
    assert sum(one.everywhere is not None for one in found) <= 0.05 * len(found)
    assert sum(misses(one, at) for one in found) <= 0.07 * len(found)


@pytest.mark.long
def test_noise_that_a_round_shares_and_curves_of_two_terms_do_not_make_it_miss() -> None:
    draw = random.Random(8)
    found = [noisy(lambda n: math.log(0.5 * n / 150 + 0.5), 0.02, 9, draw, shared=0.1) for _ in range(300)]
    assert sum(misses(one, 150) for one in found) <= 0.07 * len(found)
    found = [noisy(lambda n: math.log(0.5 * n / 150 + 0.5), 0.02, 9, draw) for _ in range(300)]
    assert sum(misses(one, 150) for one in found) <= 0.07 * len(found)
