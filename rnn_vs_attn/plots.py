"""Figures over records: log axes, intervals as bands, crossings marked; SVG and PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


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
class Figure:
    """What one file shows. scale turns base units into those of y_label."""

    name: str
    title: str
    x_label: str
    y_label: str
    series: list[Series]
    marks: list[Mark] = field(default_factory=list)
    scale: float = 1.0


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
        mark.label, (mark.x, mark.y * scale), fontsize=8, textcoords="offset points", parse_math=False, **place
    )


def _finish(axes: Any, figure: Figure) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({x for series in figure.series for x in series.x})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title(figure.title, fontsize=10)
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    axes.grid(alpha=0.3)
    handles = axes.get_lines()
    legend = axes.legend(handles, [str(i) for i in range(len(handles))], fontsize=8)
    for text, series in zip(legend.get_texts(), figure.series, strict=True):
        text.set_text(series.label)  # a path may begin with an underscore or hold dollar signs
        text.set_parse_math(False)


def _bytes(canvas: Any, kind: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    canvas.savefig(out, format=kind, dpi=130, metadata=metadata)
    return out.getvalue()
