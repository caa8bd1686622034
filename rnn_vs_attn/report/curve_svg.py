"""A figure of curves as SVG: drawn by rules of style alone, so that it is light or dark as the page around it is."""

from __future__ import annotations

from html import escape

from rnn_vs_attn import units
from rnn_vs_attn.report.plane import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Plane, Point
from rnn_vs_attn.report.plots import Figure, Series
from rnn_vs_attn.text.safe import one_line

_LETTER = 9  # the width of one
_COLOURS = 8
_BASE = HEIGHT - 46
_SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (  # one a line, with its colour; the first is a circle
    (),
    ((-3.4, -3.4), (3.4, -3.4), (3.4, 3.4), (-3.4, 3.4)),
    ((0, -5), (5, 0), (0, 5), (-5, 0)),
    ((0, -4.6), (4.6, 3.6), (-4.6, 3.6)),
    ((0, 4.6), (4.6, -3.6), (-4.6, -3.6)),
    ((-1.6, -5), (1.6, -5), (1.6, 5), (-1.6, 5)),
    ((-4.6, 0), (3.6, -4.6), (3.6, 4.6)),
    ((4.6, 0), (-3.6, -4.6), (-3.6, 4.6)),
)
_DARK = """--ink: #ececec; --faint: #3c3c3c; --soft: #a8a8a8; --paper: #161616; --k0: #6cb8f0; --k1: #ff9f5c;
  --k2: #5fd3a5; --k3: #f0a3d0; --k4: #f2c14e; --k5: #b9c6ff; --k6: #ececec; --k7: #b0b0b0"""
_LIGHT = """--ink: #1c1c1c; --faint: #d6d6d6; --soft: #5f5f5f; --paper: #fff; --k0: #0063a8; --k1: #b34700;
  --k2: #00724c; --k3: #a3417f; --k4: #806000; --k5: #5a4fcf; --k6: #1c1c1c; --k7: #6b6b6b"""
STYLE = (
    f"""
.curves {{ font: 13px system-ui, sans-serif; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ .curves {{ {_DARK} }} }}
@media print {{ .curves {{ {_LIGHT} }} }}
@media (max-width: 40rem) {{ .curves {{ font-size: 16px }} }}
.curves text {{ fill: var(--ink) }} .curves .soft {{ fill: var(--soft) }} .curves .small {{ font-size: 12px }}
.curves .grid {{ stroke: var(--faint) }} .curves .level {{ stroke: var(--soft); stroke-dasharray: 1 4; stroke-width: 2;
  stroke-linecap: round }}
.curves .ring {{ fill: none; stroke: var(--ink); stroke-width: 1.5 }}
.curves .line {{ fill: none; stroke: var(--k); stroke-width: 2; stroke-linejoin: round }}
.curves .loop {{ stroke-dasharray: 6 4 }}
.curves .band {{ fill: var(--k); opacity: .16 }} .curves .dot {{ fill: var(--k) }}
.curves .hollow {{ fill: var(--paper); stroke: var(--k); stroke-width: 1.5 }}
.curves text.halo {{ paint-order: stroke; stroke: var(--paper); stroke-width: 4; stroke-linejoin: round }}
""".strip()
    + "".join(f"\n.curves .k{i} {{ --k: var(--k{i}) }}" for i in range(_COLOURS))
)


def svg(figure: Figure, name: str) -> str:
    """The figure inside of a page, whose rules are `STYLE`; name: what its parts are called there, of no other one."""
    plane = Plane(figure)
    parts = [*_axes(plane), *_levels(plane)]
    for number, series in enumerate(figure.series):
        parts += _series(plane, series, number)
    parts += _marks(plane)
    return (
        f'<svg class="curves" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-text"><title id="{name}-title">{_text(figure.title)}</title>'
        f'<desc id="{name}-text">{_text(told(figure))}</desc>{"".join(parts)}</svg>'
    )


def keys(figure: Figure) -> list[tuple[str, str]]:
    """What tells the lines apart, each drawn small, and what it stands for."""
    found = []
    for number, series in enumerate(figure.series):
        line = f'<line class="line{" loop" * series.dashed}" x1="0" x2="30" y1="8" y2="8"/>'
        drawn = f'<g class="k{number % _COLOURS}">{line}{_shape(number, 15, 8)}</g>'
        found.append((f'<svg class="curves key" viewBox="0 0 30 16" aria-hidden="true">{drawn}</svg>', series.label))
    return found


def told(figure: Figure) -> str:
    """What the figure shows in words: of each line its first and its last point, and what is marked."""
    plane = Plane(figure)
    lines = []
    for series in figure.series:
        points = plane.points(series)
        if points:
            ends = [points[0], points[-1]] if len(points) > 1 else points
            lines.append(f"{series.label}: {', '.join(f'{written(figure, p)} at {p.of_x:g}' for p in ends)}")
    marked = [mark.label for mark in figure.marks]
    return f"{figure.y_label} over {figure.x_label}. " + "; ".join([*lines, *marked]) + "."


def written(figure: Figure, point: Point) -> str:
    """The value of a point as people read it, with its unit."""
    if figure.log10:
        return units.power_of_ten(point.of_y)
    return f"{units.significant(point.of_y * figure.scale)} {'' if figure.share else figure.y_label}".rstrip()


def _text(text: str) -> str:
    """Anybody's text inside of an element."""
    return escape(one_line(text), quote=False)


def _axes(plane: Plane) -> list[str]:
    figure = plane.figure
    parts = [f'<text class="soft" x="2" y="14">{_text(figure.y_label)}</text>']
    for place, label in plane.y_ticks():
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}"/>')
        parts.append(f'<text class="soft" x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">{_text(label)}</text>')
    free = 0.0
    for place, label in plane.x_ticks():
        width = _LETTER * len(label)
        parts.append(f'<line class="grid" x1="{place}" x2="{place}" y1="{_BASE}" y2="{_BASE + 5}"/>')
        if place - width / 2 < free:
            continue  # no room for its number
        free = place + width / 2 + 8
        parts.append(f'<text class="soft" x="{place}" y="{_BASE + 18}" text-anchor="middle">{_text(label)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    label = _text(figure.x_label)
    parts.append(f'<text class="soft" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>')
    return parts


def _levels(plane: Plane) -> list[str]:
    parts = []
    for level in plane.figure.levels:
        y = plane.y(level.y)
        if y is not None and TOP - 1 <= y <= _BASE + 1:
            parts.append(f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
            parts.append(f'<text class="soft small halo" x="{LEFT + 4}" y="{y - 4:.1f}">{_text(level.label)}</text>')
    return parts


def _series(plane: Plane, series: Series, number: int) -> list[str]:
    points = plane.points(series)
    banded = [(p.x, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    corners = [f"{x},{low}" for x, low, _ in banded] + [f"{x},{high}" for x, _, high in reversed(banded)]
    band = f'<polygon class="band" points="{" ".join(corners)}"/>' if len(banded) > 1 else ""
    line = " ".join(f"{p.x},{p.y}" for p in points)
    dots = [
        f"<g>{_shape(number, p.x, p.y)}<title>{_text(_of_point(plane.figure, series, p))}</title></g>" for p in points
    ]
    drawn = f'<polyline class="line{" loop" * series.dashed}" points="{line}"/>'
    return [f'<g class="k{number % _COLOURS}">', band, drawn, *dots, "</g>"]


def _of_point(figure: Figure, series: Series, point: Point) -> str:
    return f"{series.label}, {point.of_x:g}: {written(figure, point)}"


def _shape(number: int, x: float, y: float) -> str:
    """The sign of a line: eight of them, hollow from the ninth line on."""
    kind = "hollow" if number // len(_SHAPES) % 2 else "dot"
    corners = _SHAPES[number % len(_SHAPES)]
    if not corners:
        return f'<circle class="{kind}" cx="{x}" cy="{y}" r="3.8"/>'
    return f'<polygon class="{kind}" points="{" ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners)}"/>'


def _marks(plane: Plane) -> list[str]:
    """Rings, with what they mean beside them, none on top of another."""
    parts, taken = list[str](), list[float]()
    for mark in plane.figure.marks:
        x, y = plane.x(mark.x), plane.y(mark.y)
        if x is None or y is None:
            continue
        aside = -10 if x > (LEFT + WIDTH - RIGHT) / 2 else 10
        line = y + (-8 if aside < 0 else 16)
        while any(abs(line - other) < 14 for other in taken):
            line += 14
        taken.append(line)
        anchor = "end" if aside < 0 else "start"
        parts.append(f'<circle class="ring" cx="{x}" cy="{y}" r="7"/>')
        parts.append(
            f'<text class="small halo" x="{x + aside}" y="{line:.1f}" text-anchor="{anchor}">{_text(mark.label)}</text>'
        )
    return parts
