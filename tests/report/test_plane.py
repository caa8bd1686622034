"""Places on a drawing: both ends of an axis, logarithms, what cannot be shown, ticks."""

from __future__ import annotations

import pytest

from rnn_vs_attn.report.plane import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Plane
from rnn_vs_attn.report.plots import Figure, Series


def figure(x: list[float], y: list[float], **rest: object) -> Figure:
    ends: list[float | None] = [None] * len(x)
    return Figure("f", "title", "tokens", "ms", [Series("lstm", x, y, ends, ends)], **rest)  # type: ignore[arg-type]


def test_lengths_are_on_a_logarithmic_axis() -> None:
    plane = Plane(figure([64.0, 256.0, 1024.0], [1.0, 10.0, 100.0]))
    first, middle, last = (plane.x(x) for x in (64.0, 256.0, 1024.0))
    assert (first, last) == (LEFT + 10, WIDTH - RIGHT - 10)
    assert middle == pytest.approx(((first or 0) + (last or 0)) / 2, abs=0.1)


def test_a_linear_axis_has_zero_and_a_logarithmic_one_has_not() -> None:
    assert Plane(figure([0.0, 100.0], [1.0, 2.0], linear_x=True)).x(0.0) == LEFT + 10
    assert Plane(figure([0.0, 100.0], [1.0, 2.0])).x(0.0) is None
    both = figure([0.0, 1.0, 2.0], [1.0, 2.0, 0.0])
    assert [point.of_x for point in Plane(both).points(both.series[0])] == [1.0]


def test_higher_is_further_up_and_all_is_on_the_drawing() -> None:
    plane = Plane(figure([1.0, 2.0, 4.0], [1.0, 10.0, 100.0]))
    places = [plane.y(y) or 0.0 for y in (1.0, 10.0, 100.0)]
    assert places == sorted(places, reverse=True)
    assert places[-1] >= TOP
    assert places[0] <= HEIGHT - BOTTOM
    assert places[0] - places[1] == pytest.approx(places[1] - places[2], abs=0.11)


def test_logarithms_beyond_the_bound_are_at_its_edge() -> None:
    plane = Plane(figure([1.0, 2.0, 4.0], [-1.0, -45.0, -900.0], log10=True, bound=45.0))
    assert plane.y(-900.0) == plane.y(-45.0)


def test_the_end_of_an_interval_beyond_the_axis_is_at_its_edge() -> None:
    series = Series("lstm", [1.0, 2.0], [1.0, 2.0], [0.0, 1.9], [1.1, 900.0])
    points = Plane(Figure("f", "t", "x", "ms", [series])).points(series)
    assert points[0].low == HEIGHT - BOTTOM
    assert points[1].high == TOP


def test_many_points_are_thinned_and_the_last_is_kept() -> None:
    many = figure([float(n) for n in range(1, 1002)], [1.0 + n for n in range(1001)])
    points = Plane(many).points(many.series[0])
    assert len(points) <= 201
    assert (points[0].of_x, points[-1].of_x) == (1.0, 1001.0)


@pytest.mark.parametrize(
    ("y", "rest", "labels"),
    [
        ([0.01, 900.0], {}, ["0.01", "0.1", "1", "10", "100", "1,000"]),
        ([1.0, 20.0], {}, ["1", "2", "5", "10", "20"]),
        ([2.0, 2.3], {}, ["2", "2.1", "2.2", "2.3"]),
        ([0.2, 0.9], {"share": True}, ["0", "0.25", "0.5", "0.75", "1"]),
        ([-40.0, 0.0], {"log10": True}, ["1e-40", "1e-30", "1e-20", "1e-10", "1e+0"]),
    ],
)
def test_ticks_are_round_numbers(y: list[float], rest: dict[str, object], labels: list[str]) -> None:
    assert [label for _, label in Plane(figure([1.0, 2.0], y, **rest)).y_ticks()] == labels


def test_ticks_of_lengths_are_those_that_were_measured() -> None:
    assert [label for _, label in Plane(figure([64.0, 4096.0], [1.0, 2.0])).x_ticks()] == ["64", "4,096"]
    assert [label for _, label in Plane(figure([2e6, 1e9], [1.0, 2.0])).x_ticks()] == ["2M", "1G"]


def test_one_point_stands_in_the_middle() -> None:
    plane = Plane(figure([64.0], [1.0]))
    assert plane.x(64.0) == (LEFT + WIDTH - RIGHT) / 2
    assert plane.y(1.0) == (TOP + HEIGHT - BOTTOM) / 2
