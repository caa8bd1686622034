"""Axes of figures over time: what people read on them."""

from __future__ import annotations

import pytest

from rnn_vs_attn.report.timeline import Dot, Line, Timeline, scale_of, steps, written


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (9.7, 11.2, [10.0, 10.5, 11.0]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (-0.004, 0.003, [-0.004, -0.002, 0.0, 0.002]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, found: list[float]) -> None:
    assert steps(low, high) == pytest.approx(found)


def test_ticks_of_any_range_are_few_and_inside() -> None:
    for low, high in ((1e-9, 3e-9), (123456.0, 123457.0), (-5.0, 8e6), (0.999, 1.001)):
        ticks = steps(low, high)
        assert 2 <= len(ticks) <= 6
        assert all(low - 1e-9 * abs(high) <= tick <= high + 1e-9 * abs(high) for tick in ticks)
    assert steps(2.0, 2.0) == [2.0]


def test_ticks_have_the_decimals_that_tell_them_apart() -> None:
    assert written([10.0, 10.5, 11.0]) == ["10.0", "10.5", "11.0"]
    assert written([0.0, 20.0]) == ["0", "20"]
    assert written([9.98, 10.0, 10.02]) == ["9.98", "10.00", "10.02"]
    assert written([2e9, 3e9]) == ["2e+09", "3e+09"]


@pytest.mark.parametrize(
    ("high", "unit", "found"),
    [
        (0.02, "s", (1e-3, "ms")),
        (3.0, "s", (1.0, "s")),
        (2e-5, "s", (1e-6, "µs")),
        (5e-9, "s", (1e-6, "µs")),
        (3 << 20, "B", (1 << 20, "MiB")),
        (0.9, "1", (1.0, "")),
        (2.5e9, "FLOP/s", (1e9, "GFLOP/s")),
        (3.0, "1/s", (1.0, "1/s")),
    ],
)
def test_units_are_those_that_people_read(high: float, unit: str, found: tuple[float, str]) -> None:
    assert scale_of(0.0, high, unit) == found


def test_a_figure_reaches_beyond_its_intervals_and_a_single_run_has_room() -> None:
    alone = Timeline("t", "", "date", "s", [Line("", [Dot(5.0, 2.0, None, None)])])
    assert (alone.reach, alone.limits) == ((4.0, 6.0), (1.9, 2.1))
    two = Timeline("t", "", "date", "s", [Line("", [Dot(1.0, 2.0, 1.0, 3.0), Dot(2.0, 2.5, None, None)])])
    assert two.reach == (1.0, 2.0)
    assert two.limits == pytest.approx((0.88, 3.12))
