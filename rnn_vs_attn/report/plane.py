"""Where the points of a figure of curves stand on a drawing, and the ticks of its axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from rnn_vs_attn import units
from rnn_vs_attn.report import timeline
from rnn_vs_attn.report.plots import Figure, Series

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 16, 26, 46
_MOST_POINTS = 200  # of a line; more cannot be told apart
_FEW = 3  # ticks that an axis has at least


@dataclass(frozen=True)
class Point:
    """Where a point and the ends of its interval stand, and the numbers that it stands for."""

    x: float
    y: float
    low: float | None
    high: float | None
    of_x: float
    of_y: float


@dataclass(frozen=True)
class Plane:
    """Numbers of a figure to places on its drawing. A number that its axis cannot show has none."""

    figure: Figure

    def points(self, series: Series) -> list[Point]:
        """The points of a line that can be shown, evenly thinned where there are many, the last one always kept."""
        found = []
        for x, y, low, high in zip(series.x, series.y, series.low, series.high, strict=True):
            place = self.x(x), self.y(y)
            if place[0] is not None and place[1] is not None:
                found.append(Point(place[0], place[1], self._end(low), self._end(high), x, y))
        step = math.ceil(len(found) / _MOST_POINTS)
        return found if step <= 1 else [*found[:-1:step], found[-1]]

    def x(self, value: float) -> float | None:
        at, (low, high) = self._along(value), self._x_limits
        if at is None:
            return None
        share = (at - low) / (high - low) if high > low else 0.5
        return round(LEFT + 10 + (WIDTH - LEFT - RIGHT - 20) * share, 1)

    def y(self, value: float) -> float | None:
        at = self._up(value)
        return None if at is None else self._level(at)

    def _end(self, value: float | None) -> float | None:
        """The end of an interval, at the edge of the drawing where it is beyond."""
        if value is None:
            return None
        at = self._up(value)
        low, high = self._y_limits
        return self._level(low if at is None else min(max(at, low), high))

    def _level(self, at: float) -> float:
        low, high = self._y_limits
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (at - low) / (high - low), 1)

    # Axes

    def _along(self, value: float) -> float | None:
        if self.figure.linear_x:
            return value
        return math.log2(value) if value > 0 else None

    def _up(self, value: float) -> float | None:
        figure = self.figure
        if figure.share:
            return value
        if figure.log10:
            return min(max(value, -figure.bound), figure.bound)
        return math.log10(value * figure.scale) if value > 0 else None

    @cached_property
    def _x_limits(self) -> tuple[float, float]:
        every = [at for s in self.figure.series for x in s.x if (at := self._along(x)) is not None]
        return (min(every), max(every)) if every else (0.0, 0.0)

    @cached_property
    def _y_limits(self) -> tuple[float, float]:
        if self.figure.share:
            return -0.02, 1.02
        every = [at for s in self.figure.series for y in s.y if (at := self._up(y)) is not None] or [0.0]
        every += [at for level in self.figure.levels if (at := self._up(level.y)) is not None]
        low, high = min(every), max(every)
        room = 0.05 * (high - low) or 0.1
        return low - room, high + room

    def x_ticks(self) -> list[tuple[float, str]]:
        """Places with their numbers, from the left: round numbers on a linear axis, else those that were measured."""
        low, high = self._x_limits
        values = sorted({x for series in self.figure.series for x in series.x})
        if self.figure.linear_x:
            values = timeline.steps(low, high, 6)
        found = [(self.x(value), _number(value)) for value in values]
        return [(place, label) for place, label in found if place is not None]

    def y_ticks(self) -> list[tuple[float, str]]:
        """Places with their numbers, from below."""
        low, high = self._y_limits
        if self.figure.share:
            return [(self._level(share), f"{share:g}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        if self.figure.log10:
            return [(self._level(at), f"1e{at:+.0f}") for at in timeline.steps(low, high) if at == round(at)]
        return [(self._level(math.log10(value)), _number(value)) for value in _of_logarithms(low, high)]


def _of_logarithms(low: float, high: float) -> list[float]:
    """Numbers for an axis from 10**low to 10**high: powers of ten, with 2 and 5 between where these are few."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        found = [digit * 10.0**decade for decade in decades for digit in digits]
        found = [value for value in found if low <= math.log10(value) <= high]
        if len(found) > _FEW:
            return found[:: math.ceil(len(found) / 6)]
    return timeline.steps(10**low, 10**high) if high < 300 else []


def _number(value: float) -> str:
    """A tick in few letters: 0.001, 64, 4,096, 1M."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return units.scaled(value).replace(" ", "").replace(".00", "") if 1e6 <= abs(value) < 1e15 else f"{value:.0e}"
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"
