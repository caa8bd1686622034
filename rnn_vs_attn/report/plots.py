"""Figures over records: log axes, intervals as bands, crossings marked; SVG and PNG."""

from __future__ import annotations

import io
import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnn_vs_attn.text.safe import one_line


@dataclass(frozen=True)
class Series:
    """One line: x and y in base units, with the ends of each y's interval where it has one."""

    label: str
    x: list[float]
    y: list[float]
    low: list[float | None]
    high: list[float | None]
    dashed: bool = False


@dataclass(frozen=True)
class Mark:
    """A point worth a label, such as a crossing."""

    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Level:
    """A dotted line across the figure."""

    label: str
    y: float


@dataclass(frozen=True)
class Figure:
    """What one file shows. scale turns base units into those of y_label.

    log10: y holds base-10 logarithms, which may be beyond any float; what is beyond `bound` decades is cut off. share:
    y is a part of 1, on a linear axis. linear_x: x may be 0, and is on a linear axis.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    series: list[Series]
    marks: list[Mark] = field(default_factory=list)
    scale: float = 1.0
    log10: bool = False
    levels: list[Level] = field(default_factory=list)
    bound: float = math.inf
    share: bool = False
    linear_x: bool = False

    def limits(self) -> tuple[float, float]:
        """The lowest and the highest y, with some room beside them."""
        if self.share:
            return 0.0, 1.0
        values = [y for series in self.series for y in series.y]
        if not self.log10:
            room = 0.05 * (max(values) - min(values)) or 0.05 * abs(max(values)) or 1.0
            return min(values) - room, max(values) + room
        low, high = max(min(values), -self.bound), min(max(values), self.bound)
        margin = max(0.05 * (high - low), 0.5)
        return low - margin, high + margin


_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#999999",
)  # Okabe and Ito
_SHAPES = "osD^vPX*"
_LETTERS = "ox+*#@%&"


def render(figure: Figure) -> dict[str, bytes]:
    """The figure as {"svg": ..., "png": ...}; the same records give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    settings = {"svg.hashsalt": "rnn-vs-attn", "svg.fonttype": "none", "font.size": 10}
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        canvas = Canvas(figsize=(7.2, 4.6))
        canvas.subplots_adjust(left=0.1, right=0.97, bottom=0.11, top=0.93)
        axes = canvas.add_subplot()
        for i, series in enumerate(figure.series):
            _draw(axes, series, _COLOURS[i % len(_COLOURS)], _SHAPES[i % len(_SHAPES)], figure.scale)
        _finish(axes, figure)
        for mark in figure.marks:
            _annotate(axes, mark, figure.scale)
        return {kind: _bytes(canvas, kind) for kind in ("svg", "png")}


def save(figures: Sequence[Figure], folder: Path) -> None:
    """Write each figure as SVG and PNG into `folder`, each whole or not at all."""
    folder.mkdir(exist_ok=True)
    for figure in figures:
        for kind, content in render(figure).items():
            beside = folder / f"{figure.name}.{kind}.part"
            beside.write_bytes(content)
            beside.replace(folder / f"{figure.name}.{kind}")


def _draw(axes: Any, series: Series, colour: str, shape: str, scale: float) -> None:
    style = "--" if series.dashed else "-"
    y = [value * scale for value in series.y]
    axes.plot(series.x, y, style, color=colour, marker=shape, markersize=5, linewidth=1.6)
    banded = [
        (x, low * scale, high * scale)
        for x, low, high in zip(series.x, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    if banded:
        xs, lows, highs = zip(*banded, strict=True)
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)


def _annotate(axes: Any, mark: Mark, scale: float) -> None:
    axes.plot(
        [mark.x],
        [mark.y * scale],
        marker="o",
        markersize=11,
        markerfacecolor="none",
        color="black",
        linestyle="",
    )
    left, right = axes.get_xlim()
    in_right_half = mark.x > (left * right) ** 0.5
    place = {"xytext": (-8, 8), "ha": "right"} if in_right_half else {"xytext": (8, -12), "ha": "left"}
    axes.annotate(
        one_line(mark.label),
        (mark.x, mark.y * scale),
        fontsize=8,
        textcoords="offset points",
        parse_math=False,
        **place,
    )


def _finish(axes: Any, figure: Figure) -> None:
    if figure.log10:
        _finish_logarithms(axes, figure)
    elif figure.share:
        axes.set_ylim(-0.03, 1.03)
    else:
        axes.set_yscale("log")
        _mark_a_short_range(axes)
    if not figure.linear_x:
        axes.set_xscale("log", base=2)
        ticks = sorted({x for series in figure.series for x in series.x})
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    _draw_levels(axes, figure)
    axes.set_title(one_line(figure.title), fontsize=10, parse_math=False)
    axes.set_xlabel(one_line(figure.x_label), parse_math=False)
    axes.set_ylabel(one_line(figure.y_label), parse_math=False)
    axes.grid(alpha=0.3)
    handles = axes.get_lines()[: len(figure.series)]
    legend = axes.legend(handles, [str(i) for i in range(len(handles))], fontsize=8)
    for text, series in zip(legend.get_texts(), figure.series, strict=True):
        text.set_text(one_line(series.label))  # a path may begin with an underscore or hold dollar signs
        text.set_parse_math(False)


def _mark_a_short_range(axes: Any) -> None:
    """Ticks between the powers of ten where less than one power is shown."""
    from matplotlib.ticker import LogLocator

    low, high = axes.get_ylim()
    if high < 10 * low:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0)))
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")


def _finish_logarithms(axes: Any, figure: Figure) -> None:
    """Powers of ten at a linear axis of their exponents: a float has no 1e-900 to put on a logarithmic one."""
    axes.set_ylim(*figure.limits())
    axes.yaxis.set_major_formatter(lambda exponent, _: f"1e{exponent:+.0f}" if exponent == round(exponent) else "")


def _draw_levels(axes: Any, figure: Figure) -> None:
    for level in figure.levels:
        axes.axhline(level.y, color="#666666", linestyle=":", linewidth=1)
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "bottom", "color": "#666666"}
        axes.annotate(one_line(level.label), (0.01, level.y), fontsize=8, parse_math=False, **place)


def as_text(figure: Figure, width: int, height: int = 14) -> list[str]:
    """A figure as lines of text, on a linear y-axis; where two series meet the later one is seen."""
    columns = max(20, width - 10)
    canvas = [[" "] * columns for _ in range(height)]
    for series, shape in zip(figure.series, itertools.cycle(_LETTERS), strict=False):
        for here, there in itertools.pairwise(_places(figure, series, columns, height)):
            _join(canvas, here, there, shape)
    low, high = figure.limits()
    lines = [figure.title]
    for i, drawn in enumerate(canvas):
        y = high - (high - low) * i / (height - 1)
        label = f"1e{y:+.0f}" if figure.log10 else f"{y:.2f}" if figure.share else f"{y:.3g}"
        lines.append(f"{label if i % 3 == 1 else '':>7} |{''.join(drawn)}".rstrip())
    lines.append(f"{'':>7} +{'-' * columns}")
    xs = [x for series in figure.series for x in series.x]
    ends = f"{min(xs):.0f}", f"{max(xs):.0f}"
    lines.append(f"{'':>9}{ends[0]}{figure.x_label:^{columns - len(ends[0]) - len(ends[1])}}{ends[1]}")
    named = [f"{shape} {s.label}" for s, shape in zip(figure.series, itertools.cycle(_LETTERS), strict=False)]
    return [*lines, f"{'':>9}{'   '.join(named)}"]


def _places(figure: Figure, series: Series, columns: int, height: int) -> list[tuple[float, float]]:
    """Where the points of a series stand: columns from the left, rows from the top."""

    def at(x: float) -> float:
        return x if figure.linear_x else math.log2(x)

    every = [at(x) for other in figure.series for x in other.x]
    (left, right), (low, high) = (min(every), max(every)), figure.limits()
    return [
        ((at(x) - left) / (right - left) * (columns - 1), (high - y) / (high - low) * (height - 1))
        for x, y in zip(series.x, series.y, strict=True)
    ]


def _join(canvas: list[list[str]], here: tuple[float, float], there: tuple[float, float], shape: str) -> None:
    """Draw the line between two points, cut off where the canvas ends."""
    (x0, y0), (x1, y1) = here, there
    slope, bottom = (y1 - y0) / (x1 - x0), len(canvas) - 1
    for column in range(math.ceil(x0), math.floor(x1) + 1):
        reached = (y0 + slope * (max(x0, min(x1, column + side)) - x0) for side in (-0.5, 0.5))
        top, deepest = sorted(reached)
        for row in range(max(0, round(top)), min(bottom, round(deepest)) + 1):
            canvas[row][column] = shape


def _bytes(canvas: Any, kind: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ")  # a letter that the font lacks is drawn as a box
        canvas.savefig(out, format=kind, dpi=130, metadata=metadata)
    return out.getvalue()
