"""Change points of series whose truth is known, and the chances of a test against counting and scipy."""

from __future__ import annotations

import math
import random
from statistics import mean

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from rnn_vs_attn.stats import change_points
from rnn_vs_attn.stats.change_points import (
    Division,
    changes,
    divisions,
    promised,
    proposed,
    tail,
    values_needed,
    visible,
)

pytestmark = pytest.mark.long


def noise(size: int, sd: float = 1.0, seed: object = 0) -> list[float]:
    draw = random.Random(f"{size} {seed}")
    return [draw.gauss(0, sd) for _ in range(size)]


def stepped(size: int, *ends: int, by: float = 10.0) -> list[float]:
    """Noise that is higher from the first to the second of each two ends."""
    level = [sum(at >= end for end in ends) % 2 for at in range(size)]
    return [value + by * high for value, high in zip(noise(size), level, strict=True)]


@pytest.mark.parametrize("ends", [(10,), (5,), (8, 18), (6, 12, 20)])
def test_clear_steps_are_found_where_they_are(ends: tuple[int, ...]) -> None:
    found = changes([divisions(stepped(28, *ends))], 0.05)[0]
    assert found[0] == ends
    assert found[1] <= 0.05


def test_the_tail_of_the_shortest_series_is_that_of_all_orders() -> None:
    """Four against four have one place, and of 70 choices of ranks two are wholly divided."""
    assert tail([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / 70, abs=0.004)
    assert tail([1, 2, 3, 5], [4, 6, 7, 8]) == pytest.approx(4 / 70, abs=0.006)
    assert tail([1, 8, 3, 6], [2, 7, 4, 5]) == pytest.approx(1.0)


def best_place(values: list[float]) -> int:
    """The place whose normal score of Mann and Whitney's U is furthest from 0, by scipy."""
    size = len(values)

    def score(at: int) -> float:
        u = mannwhitneyu(values[:at], values[at:]).statistic
        return abs(u - at * (size - at) / 2) / math.sqrt(at * (size - at) * (size + 1) / 12)

    return max(range(4, size - 3), key=score)


def test_the_tail_of_the_best_place_is_even() -> None:
    """Of series without a change one in ten has a tail of a tenth or less, wherever it is divided best."""
    series = [noise(15, seed=i) for i in range(600)]
    places = [best_place(values) for values in series]
    tails = [tail(values[:at], values[at:]) for values, at in zip(series, places, strict=True)]
    for level in (0.05, 0.1, 0.5):
        error = 3 * math.sqrt(level * (1 - level) / 600)
        assert mean(t <= level for t in tails) == pytest.approx(level, abs=error + 0.01)


def test_beyond_what_was_drawn_a_tail_is_never_too_small() -> None:
    """Of 16 values wholly divided, no less than the chance of that one place, and no more than that of all of them."""
    assert 2 / math.comb(16, 8) <= tail(range(8), range(8, 16)) <= 9 * 2 / math.comb(16, 8)
    clearest = [tail(range(n), range(n, 2 * n)) for n in (8, 12, 20, 30)]
    assert clearest == sorted(clearest, reverse=True)
    assert 2 / math.comb(40, 20) < clearest[2] < 1e-4


def test_nothing_is_proposed_where_there_is_nothing() -> None:
    assert proposed([]) == []
    assert proposed(noise(7)) == []
    assert proposed([2.5] * 30) == []
    assert divisions([2.5] * 30) == []


def test_a_step_below_the_smallest_is_none() -> None:
    values = stepped(24, 12, by=10.0)
    assert changes([divisions(values, smallest=9.0)], 0.05)[0][0] == (12,)
    assert changes([divisions(values, smallest=11.0)], 0.05)[0][0] == ()


def test_all_series_are_judged_together() -> None:
    """By Benjamini and Hochberg: .01 * 3, .02 * 3 / 2 and .9; alone in many, the same step is none."""
    series = [[Division((9, 20), 0.3), Division((9,), 0.01)], [Division((5,), 0.02)], [Division((7,), 0.9)], []]
    found = changes(series[:3], 0.05)
    assert [places for places, _ in found] == [(9,), (5,), ()]
    assert [p for _, p in found] == pytest.approx([0.03, 0.03, 0.9])
    alone = [[Division((9,), 0.01)], *[[]] * 9]
    assert changes(alone, 0.05) == [((), pytest.approx(0.1)), *[((), 1.0)] * 9]
    assert changes([], 0.05) == []


def test_series_without_a_change_are_rarely_marked() -> None:
    """One in twenty at most, but for chance: of 400 more than 33 have a chance of one in a thousand."""
    marked = [changes([divisions(noise(12 + i % 30, seed=i))], 0.05)[0][0] for i in range(400)]
    assert sum(map(bool, marked)) <= 33


def test_values_that_follow_each_other_count_for_fewer() -> None:
    draw = np.random.default_rng(0).standard_normal(200)
    chain = np.convolve(draw, np.ones(8), "valid")
    correlation = change_points._correlation(chain.tolist(), [])
    assert 0.7 < correlation <= 0.9
    assert change_points._correlation(noise(200), []) == 0.0
    assert change_points._correlation([1.0, -1.0] * 20, []) == 0.0
    before, after = stepped(20, 10, by=2.0)[:10], stepped(20, 10, by=2.0)[10:]
    assert tail(before, after, change_points._kept(correlation)) > 10 * tail(before, after)


def test_how_many_values_it_takes() -> None:
    assert values_needed(1, 0.05) == 8
    assert change_points._clearest(8) > 0.05 / 2
    for tests in (2, 24, 200):
        needed = values_needed(tests, 0.05)
        assert change_points._clearest(needed) * tests <= 0.05 < change_points._clearest(needed - 1) * tests


def test_the_step_that_would_be_seen_is_seen_four_times_in_five() -> None:
    step = visible(20, 0.05)
    assert step is not None
    found = []
    for i in range(300):
        values = [v + step * (at >= 10) for at, v in enumerate(noise(20, seed=i))]
        found.append(any(abs(place - 10) <= 3 for place in changes([divisions(values)], 0.05)[0][0]))
    assert 0.72 <= mean(found) <= 0.9
    assert visible(8, 0.01) is None
    steps = [visible(size, 0.05) or math.inf for size in (8, 12, 20, 40)]
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("spread", [0.002, 0.006, 0.01])
def test_near_the_margin_too_a_promised_step_is_marked_four_times_in_five(spread: float) -> None:
    """At 1 % of noise and a margin of 2 % it was three times in four."""
    step, least = promised(20, 0.05, spread, 0.02), 0.02
    assert step is not None
    assert step > least
    marked = []
    for i in range(300):
        values = [spread * v + step * (at >= 10) for at, v in enumerate(noise(20, seed=i))]
        marked.append(any(abs(place - 10) <= 3 for place in changes([divisions(values, least)], 0.05)[0][0]))
    assert 0.79 <= mean(marked) <= 0.95
    assert promised(8, 0.01, spread, least) is None


def test_a_step_far_beyond_its_noise_counts_in_full_though_values_follow_each_other() -> None:
    before, after = ([level + 0.001 * n for n in range(number)] for level, number in ((1.0, 9), (2.0, 6)))
    assert change_points._correlation([*before, *after], [9]) > 0.5
    assert changes([divisions([*before, *after])], 0.05)[0] == ((9,), pytest.approx(0.001, abs=0.001))
