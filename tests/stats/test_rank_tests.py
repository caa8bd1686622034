"""Exact rank tests and their intervals against scipy, against counting all cases, and against their own definition."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from rnn_vs_attn.ab import power
from rnn_vs_attn.stats import rank_tests

MARGINS = (0.0, 0.02, -0.1)
distinct = st.lists(st.integers(-1000, 1000), min_size=1, max_size=12, unique_by=abs).map(
    lambda v: [x / 1000 for x in v]
)
tied = st.lists(st.integers(-3, 3), min_size=1, max_size=8).map(lambda v: [float(x) for x in v])


def noise(number: int, seed: int, centre: float = 0.0) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(centre, 1.0) for _ in range(number)]


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("pairs", [1, 2, 5, 8, 12, 20])
def test_the_paired_tail_is_scipys_exact_one(pairs: int, margin: float) -> None:
    for seed in range(5):
        values = noise(pairs, seed, centre=0.3)
        theirs = scipy_stats.wilcoxon([v - margin for v in values], alternative="greater", method="exact")
        assert rank_tests.paired_tail(values, margin) == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 5), (6, 6), (9, 7), (12, 12)])
def test_the_unpaired_tail_is_scipys_exact_one(n: int, m: int, margin: float) -> None:
    for seed in range(5):
        a, b = noise(n, seed, 0.5), noise(m, seed + 100)
        theirs = scipy_stats.mannwhitneyu([v - margin for v in a], b, alternative="greater", method="exact")
        assert rank_tests.unpaired_tail(a, b, margin) == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.long
@unhurried
@given(tied)
def test_the_paired_tail_counts_all_signs_where_values_are_tied(values: list[float]) -> None:
    left = [v for v in values if v != 0]
    weights = [sum(abs(o) < abs(v) for o in left) + (sum(abs(o) == abs(v) for o in left) + 1) / 2 for v in left]
    seen = sum(w for w, v in zip(weights, left, strict=True) if v > 0)
    sums = [
        sum(w for w, s in zip(weights, signs, strict=True) if s)
        for signs in itertools.product((0, 1), repeat=len(left))
    ]
    assert rank_tests.paired_tail(values, 0.0) == float(Fraction(sum(s >= seen for s in sums), len(sums)))


@pytest.mark.long
@unhurried
@given(tied.filter(lambda v: len(v) <= 5), tied.filter(lambda v: len(v) <= 4))
def test_the_unpaired_tail_counts_all_splits_where_values_are_tied(a: list[float], b: list[float]) -> None:
    pooled = [*a, *b]
    weights = [sum(o < v for o in pooled) + (sum(o == v for o in pooled) + 1) / 2 for v in pooled]
    seen = sum(weights[: len(a)])
    sums = [sum(split) for split in itertools.combinations(weights, len(a))]
    assert rank_tests.unpaired_tail(a, b, 0.0) == pytest.approx(sum(s >= seen for s in sums) / len(sums), rel=1e-12)


def test_a_tail_without_any_difference_speaks_for_nothing() -> None:
    assert rank_tests.paired_tail([0.02] * 8, 0.02) == 1.0
    assert rank_tests.unpaired_tail([1.0] * 6, [1.0] * 6, 0.0) == 1.0


@pytest.mark.long
@pytest.mark.parametrize("level", [0.90, 0.95])
@unhurried
@given(values=distinct)
def test_the_paired_interval_holds_the_margins_that_its_tests_do_not_reject(level: float, values: list[float]) -> None:
    shift = rank_tests.paired_shift(values, level)
    if shift.low is None or shift.high is None:
        assert 2 * rank_tests.least_paired_tail(len(values)) > 1 - level
        return
    tiny = 1e-7
    beyond = (1 - level) / 2
    assert rank_tests.paired_tail(values, shift.low - tiny) <= beyond < rank_tests.paired_tail(values, shift.low + tiny)
    mirrored = [-v for v in values]
    assert (
        rank_tests.paired_tail(mirrored, -shift.high - tiny)
        <= beyond
        < rank_tests.paired_tail(mirrored, -shift.high + tiny)
    )
    assert shift.low <= shift.centre <= shift.high


@pytest.mark.parametrize(("n", "m"), [(4, 4), (6, 6), (6, 9), (12, 7)])
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_the_unpaired_interval_holds_the_margins_that_its_tests_do_not_reject(n: int, m: int, level: float) -> None:
    a, b = noise(n, 1, 0.4), noise(m, 2)
    shift = rank_tests.unpaired_shift(a, b, level)
    assert shift.low is not None
    assert shift.high is not None
    tiny, beyond = 1e-9, (1 - level) / 2
    assert rank_tests.unpaired_tail(a, b, shift.low - tiny) <= beyond < rank_tests.unpaired_tail(a, b, shift.low + tiny)
    assert (
        rank_tests.unpaired_tail(b, a, -shift.high - tiny)
        <= beyond
        < rank_tests.unpaired_tail(b, a, -shift.high + tiny)
    )


def test_centres_are_medians_of_walsh_averages_and_of_all_differences() -> None:
    assert rank_tests.paired_shift([1.0, 2.0, 6.0], 0.5).centre == 2.75  # of 1, 1.5, 2, 3.5, 4, 6
    assert rank_tests.unpaired_shift([1.0, 4.0], [0.0, 2.0], 0.5).centre == 1.5  # of -1, 1, 2, 4


@pytest.mark.long
def test_the_paired_interval_covers_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(2000):
        shift = rank_tests.paired_shift(noise(10, seed, centre=0.7), 0.95)
        assert shift.low is not None
        assert shift.high is not None
        hits += shift.low <= 0.7 <= shift.high
    assert scipy_stats.binomtest(hits, 2000, 0.95, alternative="less").pvalue > 1e-4
    assert hits / 2000 < 0.985


@pytest.mark.long
@unhurried
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_the_step_down_rule(p_values: list[float]) -> None:
    adjusted = rank_tests.holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for position, i in enumerate(order):
            if p_values[i] * (len(p_values) - position) > alpha:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(adjusted) if p <= alpha} >= rejected
        assert all(adjusted[i] <= alpha + 1e-12 for i in rejected)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    assert sorted(adjusted) == [adjusted[i] for i in order]


@pytest.mark.long
@unhurried
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_false_discovery_rates_are_scipys(p_values: list[float]) -> None:
    assert rank_tests.false_discovery(p_values) == pytest.approx(list(scipy_stats.false_discovery_control(p_values)))
    assert rank_tests.false_discovery([]) == []


def test_holm_of_known_values() -> None:
    assert rank_tests.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert rank_tests.holm([]) == []


def test_six_rounds_against_six_can_reject_among_46_cases_and_not_among_47() -> None:
    assert rank_tests.rounds_needed(46, 0.05) == 6
    assert rank_tests.rounds_needed(47, 0.05) == 7
    assert 46 * rank_tests.least_unpaired_tail(6, 6) <= 0.05 < 47 * rank_tests.least_unpaired_tail(6, 6)
    assert rank_tests.least_unpaired_tail(6, 6) == rank_tests.unpaired_tail(range(6, 12), range(6), 0.0)


def test_pairs_needed_are_those_of_the_table() -> None:
    """STATISTICS: ceil(log2(cells / alpha)) with both sides tested at .05 in all."""
    needed = {cells: rank_tests.pairs_needed(2 * cells, 0.05) for cells in (1, 6, 12, 24, 48, 100)}
    assert needed == {1: 6, 6: 8, 12: 9, 24: 10, 48: 11, 100: 12}
    assert rank_tests.least_paired_tail(8) == rank_tests.paired_tail([float(v) for v in range(1, 9)], 0.0)


@pytest.mark.parametrize("pairs", range(5, 21))
def test_a_hundredfold_slowdown_is_the_least_tail_at_every_number_of_pairs(pairs: int) -> None:
    values = [math.log(100) + v / 100 for v in noise(pairs, pairs)]
    assert rank_tests.paired_tail(values, math.log(1.03)) == rank_tests.least_paired_tail(pairs)


def test_unequal_numbers_of_the_same_values_are_no_difference() -> None:
    """A tool was found that called 8 against 12 identical values different."""
    few, many = [1.0, 1.01, 0.99, 1.0] * 2, [1.0, 1.01, 0.99, 1.0] * 3
    assert min(rank_tests.unpaired_tail(few, many, 0.0), rank_tests.unpaired_tail(many, few, 0.0)) > 0.3


@pytest.mark.parametrize(("pairs", "alpha"), [(5, 0.2), (8, 0.2), (20, 0.05), (20, 0.05 / 7), (4, 0.05)])
def test_the_critical_sum_is_where_the_exact_tail_passes_alpha(pairs: int, alpha: float) -> None:
    critical = power._critical(pairs, alpha)
    counts = rank_tests.subset_sums(tuple(range(1, pairs + 1)))
    assert sum(counts[critical:]) / 2**pairs <= alpha
    assert critical == 0 or sum(counts[critical - 1 :]) / 2**pairs > alpha
