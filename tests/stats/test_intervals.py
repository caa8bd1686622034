"""Medians, intervals, ratios and exponents against scipy, closed forms and simulation."""

from __future__ import annotations

import math
import random

import numpy
import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.stats import intervals

LENGTHS = [64, 128, 256, 512, 1024]
positive = st.floats(1e-3, 1e3)
exponent = st.floats(-3, 3)


def power_law(a: float, b: float) -> list[float]:
    return [a * x**b for x in LENGTHS]


def distinct_values(n: int) -> list[float]:
    return [float(value) for value in random.Random(n).sample(range(10 * n), n)]


def ends(estimate: intervals.Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


# Intervals


@pytest.mark.parametrize("n", range(6, 41))
def test_interval_is_the_one_of_scipys_quantile_test(n: int) -> None:
    from scipy.stats import quantile_test

    values = distinct_values(n)
    expected = quantile_test(values, q=0, p=0.5).confidence_interval(confidence_level=intervals.LEVEL)
    found = intervals.estimate(values)
    assert (found.low, found.high) == (expected.low, expected.high)


@pytest.mark.parametrize(("n", "first", "last"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (20, 6, 15)])
def test_interval_ends_at_the_known_ranks(n: int, first: int, last: int) -> None:
    found = intervals.estimate([float(rank) for rank in range(n, 0, -1)])
    assert (found.low, found.high) == (first, last)


@pytest.mark.parametrize("n", range(1, intervals.MIN_ROUNDS))
def test_below_six_rounds_there_is_no_interval_and_the_reason_says_so(n: int) -> None:
    found = intervals.estimate(distinct_values(n))
    assert (found.low, found.high, found.half_width) == (None, None, None)
    assert found.reason.startswith(f"{n} round")
    assert "95% needs 6" in found.reason


def test_six_rounds_are_enough_and_need_no_excuse() -> None:
    found = intervals.estimate(distinct_values(6))
    assert found.low is not None
    assert found.reason == ""


@pytest.mark.parametrize("n", range(6, 60))
def test_ranks_are_symmetric_the_tightest_and_move_inwards_with_more_rounds(n: int) -> None:
    from scipy.stats import binom

    ranks, larger = intervals.interval_ranks(n), intervals.interval_ranks(n + 1)
    assert ranks is not None
    assert larger is not None
    low, high = ranks
    assert low + high == n - 1
    assert 2 * binom.cdf(low, n, 0.5) <= 1 - intervals.LEVEL < 2 * binom.cdf(low + 1, n, 0.5)
    assert larger[0] - low in (0, 1)
    assert larger[1] - high in (0, 1)


def test_a_higher_level_needs_more_rounds() -> None:
    assert intervals.interval_ranks(7, level=0.99) is None
    assert intervals.interval_ranks(8, level=0.99) == (0, 7)


@pytest.mark.parametrize("n", [6, 9, 12])
def test_interval_covers_the_median_of_heavy_tails_as_often_as_it_says(n: int) -> None:
    import numpy

    runs = 4000
    estimates = [intervals.estimate(list(run)) for run in numpy.random.default_rng(n).standard_t(3, size=(runs, n))]
    covered = sum(low <= 0 <= high for low, high in map(ends, estimates)) / runs
    assert covered >= intervals.LEVEL - 2 * math.sqrt(intervals.LEVEL * (1 - intervals.LEVEL) / runs)


@pytest.mark.long
@unhurried
@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=20))
def test_interval_holds_the_median_and_lies_within_the_data(values: list[float]) -> None:
    found = intervals.estimate(values)
    low, high = ends(found)
    assert min(values) <= low <= found.median <= high <= max(values)


@pytest.mark.long
@unhurried
@given(st.permutations(distinct_values(9)))
def test_order_of_rounds_does_not_matter(values: list[float]) -> None:
    assert intervals.estimate(values) == intervals.estimate(sorted(values))


def test_an_exact_value_has_no_width_even_in_one_round() -> None:
    found = intervals.estimate([7.0], exact=True)
    assert (found.low, found.median, found.high, found.half_width) == (7.0, 7.0, 7.0, 0.0)


def test_half_width_is_half_of_the_interval_as_a_part_of_the_median() -> None:
    assert intervals.Estimate(-2.0, -2.4, -1.8, 6).half_width == pytest.approx(0.15)


def test_half_width_around_zero_is_not_a_division_by_zero() -> None:
    assert intervals.Estimate(0.0, -1.0, 1.0, 6).half_width is None


# Ratios


def test_ratio_is_formed_within_rounds() -> None:
    drift = [1.0, 3.0, 9.0, 2.0, 30.0, 5.0]
    found = intervals.ratio([2 * d for d in drift], drift)
    assert found == intervals.Estimate(2.0, 2.0, 2.0, 6)


def test_ratio_is_candidate_by_baseline() -> None:
    found = intervals.ratio([3.0], [2.0])
    assert found is not None
    assert found.median == 1.5


def test_unequal_numbers_of_rounds_of_the_same_data_show_no_difference() -> None:
    values = [random.Random(i).uniform(1, 2) for i in range(12)]
    for candidate, baseline in ((values[:8], values), (values, values[:8])):
        found = intervals.ratio(candidate, baseline)
        assert found == intervals.Estimate(1.0, 1.0, 1.0, 8)
        assert intervals.side_of(found, 1.0) == "undecided"


def test_a_round_that_one_side_lacks_does_not_shift_the_others() -> None:
    found = intervals.ratio([2.0, None, 8.0, 16.0], [1.0, 2.0, None, 8.0])
    assert found is not None
    assert (found.median, found.rounds) == (2.0, 2)


def test_no_common_round_gives_no_ratio() -> None:
    assert intervals.ratio([], [1.0]) is None
    assert intervals.ratio([1.0], [0.0]) is None


@pytest.mark.parametrize(
    ("low", "high", "side"),
    [
        (1.1, 1.3, "above"),
        (0.7, 0.9, "below"),
        (0.9, 1.1, "undecided"),
        (1.0, 1.2, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_a_side_is_taken_by_the_whole_interval_only(low: float | None, high: float | None, side: str) -> None:
    assert intervals.side_of(intervals.Estimate(1.0, low, high, 6), 1.0) == side


def test_nothing_measured_takes_no_side() -> None:
    assert intervals.side_of(None, 1.0) == "undecided"


# Exponents


@pytest.mark.long
@unhurried
@given(positive, exponent)
def test_slope_of_a_power_law_is_its_exponent(a: float, b: float) -> None:
    assert intervals.slope(LENGTHS, power_law(a, b)) == pytest.approx(b, abs=1e-9)


def test_slope_is_the_least_squares_line_of_the_logarithms() -> None:
    import numpy

    y = [1.0, 2.5, 3.0, 9.0, 11.0]
    expected = numpy.polyfit(numpy.log(LENGTHS), numpy.log(y), 1)[0]
    assert intervals.slope(LENGTHS, y) == pytest.approx(expected)


def test_each_round_has_an_exponent_of_its_own() -> None:
    rounds = [power_law(1e-3, b) for b in (1.0, 2.0, 1.5)]
    assert intervals.exponents(LENGTHS, rounds) == pytest.approx([1.0, 2.0, 1.5])


# Lines


@pytest.mark.long
@given(
    st.lists(
        st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
        min_size=3,
        max_size=9,
        unique_by=lambda p: round(p[0], 2),
    )
)
@unhurried
def test_a_line_is_numpys(points: list[tuple[float, float]]) -> None:
    x, y = [p[0] for p in points], [p[1] for p in points]
    slope, intercept = numpy.polyfit(x, y, 1)
    found = intervals.line(x, y)
    assert found.slope == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert found.intercept == pytest.approx(intercept, rel=1e-6, abs=1e-5)
    left = sum((b - intercept - slope * a) ** 2 for a, b in points)
    assert found.residual == pytest.approx(left, rel=1e-5, abs=1e-5)


def test_a_line_through_three_points() -> None:
    found = intervals.line([1.0, 2.0, 3.0], [0.0, 1.0, 5.0])
    assert (found.slope, found.intercept, found.residual) == pytest.approx((2.5, -3.0, 1.5))


@pytest.mark.long
@unhurried
@given(st.floats(-1e5, 1e5), st.floats(-1e3, 1e3))
def test_points_on_a_line_leave_no_residual(intercept: float, slope: float) -> None:
    found = intervals.line(LENGTHS, [intercept + slope * x for x in LENGTHS])
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept), rel=1e-9, abs=1e-6)
    assert found.residual == pytest.approx(0, abs=1e-9)
