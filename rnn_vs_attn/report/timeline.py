"""What a figure over time shows: medians with intervals, levels between changes, marks; numbers in base units."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rnn_vs_attn import units


@dataclass(frozen=True)
class Dot:
    """One run: where it stands, its median and the ends of its interval where it has one."""

    x: float
    y: float
    low: float | None
    high: float | None
    label: str = ""


@dataclass(frozen=True)
class Line:
    """Runs that may be compared with each other: those of one machine."""

    label: str
    dots: list[Dot]


@dataclass(frozen=True)
class Stretch:
    """The level from one change to the next."""

    begin: float
    end: float
    y: float


@dataclass(frozen=True)
class Flag:
    """A place on the x-axis worth a mark. kind: worse, better or machine."""

    x: float
    label: str
    kind: str


@dataclass(frozen=True)
class Timeline:
    """What one figure shows. unit: the base unit of all numbers. ticks: places on the x-axis with what they are called.

    text: what it shows, in a sentence, for who cannot see it.
    """

    title: str
    text: str
    x_label: str
    unit: str
    lines: list[Line]
    stretches: list[Stretch] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)

    @property
    def reach(self) -> tuple[float, float]:
        """The first and the last place on the x-axis, apart from each other."""
        every = [dot.x for line in self.lines for dot in line.dots]
        low, high = min(every), max(every)
        return (low, high) if high > low else (low - 1, high + 1)

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest number, with some room beside them."""
        dots = [dot for line in self.lines for dot in line.dots]
        return _with_room([end for dot in dots for end in (dot.y, dot.low, dot.high) if end is not None])

    @property
    def limits_of_medians(self) -> tuple[float, float]:
        """The same of the medians alone."""
        return _with_room([dot.y for line in self.lines for dot in line.dots])


def _with_room(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def scale_of(low: float, high: float, unit: str) -> tuple[float, str]:
    """By how much numbers of a base unit are divided so that people read them, and the unit that they have then."""
    most = max(abs(low), abs(high))
    known = {
        "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
        "B": ((units.GIB, "GiB"), (units.MIB, "MiB"), (1024.0, "KiB"), (1.0, "B")),
    }
    prefixed = [(factor, prefix + unit) for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"))]
    steps: Sequence[tuple[float, str]] = known.get(unit) or (prefixed if "/" in unit else ())
    plain = "" if unit == "1" else unit
    return next(
        ((factor, name) for factor, name in steps if most >= factor), steps[-1] if unit in known else (1.0, plain)
    )


def steps(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` of them, 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if (high - low) / (factor * step) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) if abs(step) > 1e-9 else i * step for i in range(first, last + 1)]


def written(values: Sequence[float]) -> list[str]:
    """Numbers of one axis, all with as many decimals as tell them apart."""
    gaps = [abs(b - a) for a, b in itertools.pairwise(values) if b != a]
    decimals = max(0, -math.floor(math.log10(min(gaps)) + 1e-9)) if gaps else 3
    if decimals > 6 or max(map(abs, values), default=0) >= 1e7:
        return [f"{value:.4g}" for value in values]
    return [f"{value:.{decimals}f}" for value in values]
