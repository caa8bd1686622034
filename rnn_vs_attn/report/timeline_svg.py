"""A figure over time as SVG: drawn by rules of style alone, so that it is light or dark as the page around it is."""

from __future__ import annotations

from html import escape

from rnn_vs_attn.report.timeline import Flag, Line, Timeline, scale_of, steps, written
from rnn_vs_attn.text.safe import one_line

WIDTH, HEIGHT = 480, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 42, 44
_LETTER = 8  # the width of one, of bold text
_SHAPES = ("circle", "square", "diamond", "triangle")  # one a machine; told apart without colour

STYLE = """
.timeline { font: 13px system-ui, sans-serif; --ink: #1c1c1c; --faint: #d6d6d6; --soft: #5f5f5f; --line: #0063a8;
  --worse: #b3261e; --better: #00724c; --paper: #fff }
@media (prefers-color-scheme: dark) { .timeline { --ink: #ececec; --faint: #3c3c3c; --soft: #a8a8a8; --line: #6cb8f0;
  --worse: #ff8a7d; --better: #5fd3a5; --paper: #161616 } }
@media print { .timeline { --ink: #000; --faint: #ccc; --soft: #444; --line: #0063a8; --worse: #b3261e;
  --better: #00724c; --paper: #fff } }
.timeline text { fill: var(--ink) } .timeline .soft { fill: var(--soft) } .timeline .paper { fill: var(--paper) }
.timeline .grid { stroke: var(--faint) } .timeline .dot { fill: var(--line) }
.timeline .interval { stroke: var(--line); stroke-width: 1.5; opacity: .55 }
.timeline .level { stroke: var(--ink); stroke-width: 2 } .timeline .flag { stroke-width: 1.5; stroke-dasharray: 5 3 }
.timeline .worse { stroke: var(--worse) }
.timeline text.worse { fill: var(--worse); stroke: none; font-weight: 600 }
.timeline .better { stroke: var(--better) }
.timeline text.better { fill: var(--better); stroke: none; font-weight: 600 }
.timeline .machine { stroke: var(--soft); stroke-dasharray: 1 4; stroke-linecap: round }
.timeline text.machine { fill: var(--soft); stroke: none }
""".strip()


def svg(chart: Timeline, name: str) -> str:
    """The figure inside of a page, whose rules are `STYLE`; name: what its parts are called there, of no other one."""
    return _drawn(chart, name, "")


def svg_file(chart: Timeline) -> str:
    """The figure as a file of its own, with its title and on paper."""
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return _drawn(chart, "timeline", f"<style>{STYLE}</style>{paper}") + "\n"


def _drawn(chart: Timeline, name: str, head: str) -> str:
    title = f'<text x="{_LEFT}" y="15" font-weight="600">{_text(chart.title)}</text>' if head else ""
    parts = [head, title, *_axes(chart), *_flags(chart), *_levels(chart)]
    for number, line in enumerate(chart.lines):
        parts += _line(chart, line, _SHAPES[number % len(_SHAPES)])
    return (
        f'<svg class="timeline" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-text"><title id="{name}-title">{_text(chart.title)}</title>'
        f'<desc id="{name}-text">{_text(chart.text)}</desc>{"".join(parts)}</svg>'
    )


def _text(text: str) -> str:
    """Anybody's text inside of an element."""
    return escape(one_line(text), quote=False)


def _x(chart: Timeline, place: float) -> float:
    low, high = chart.reach
    inner = WIDTH - _LEFT - _RIGHT - 24
    return round(_LEFT + 12 + inner * (place - low) / (high - low), 1)


def _y(chart: Timeline, value: float) -> float:
    low, high = chart.limits
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low), 1)


def _axes(chart: Timeline) -> list[str]:
    (low, high), base = chart.limits, HEIGHT - _BOTTOM
    factor, unit = scale_of(low, high, chart.unit)
    ticks = steps(low / factor, high / factor)
    parts = [f'<text class="soft" x="{_LEFT - 8}" y="{_TOP - 15}" text-anchor="end">{_text(unit)}</text>']
    for tick, label in zip(ticks, written(ticks), strict=True):
        y = _y(chart, tick * factor)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="soft" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for place, label in chart.ticks:
        x = _x(chart, place)
        anchor = "start" if x < _LEFT + 45 else "end" if x > WIDTH - _RIGHT - 45 else "middle"
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{base}" y2="{base + 5}"/>')
        parts.append(f'<text class="soft" x="{x}" y="{base + 19}" text-anchor="{anchor}">{_text(label)}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text class="soft" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{_text(chart.x_label)}</text>')
    return parts


def _flags(chart: Timeline) -> list[str]:
    """Marks with what they say above the figure, left of the mark where there is no room on its right."""
    parts = []
    for number, flag in enumerate(sorted(chart.flags, key=lambda flag: flag.x)):
        x, y = _x(chart, flag.x), _TOP - 4 - 13 * (number % 2)
        anchor, aside = ("end", -4) if x + _LETTER * len(flag.label) > WIDTH else ("start", 4)
        parts.append(f'<line class="flag {_kind(flag)}" x1="{x}" x2="{x}" y1="{y - 9}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(
            f'<text class="{_kind(flag)}" x="{x + aside:.1f}" y="{y}" text-anchor="{anchor}">{_text(flag.label)}</text>'
        )
    return parts


def _kind(flag: Flag) -> str:
    assert flag.kind in ("worse", "better", "machine")
    return flag.kind


def _levels(chart: Timeline) -> list[str]:
    found = [(_x(chart, s.begin), _x(chart, s.end), _y(chart, s.y)) for s in chart.stretches]
    return [f'<line class="level" x1="{a - 5:.1f}" x2="{b + 5:.1f}" y1="{y}" y2="{y}"/>' for a, b, y in found]


def _line(chart: Timeline, line: Line, shape: str) -> list[str]:
    parts = []
    for dot in line.dots:
        x, y = _x(chart, dot.x), _y(chart, dot.y)
        if dot.low is not None and dot.high is not None:
            ends = _y(chart, dot.low), _y(chart, dot.high)
            parts.append(f'<line class="interval" x1="{x}" x2="{x}" y1="{ends[0]}" y2="{ends[1]}"/>')
        parts.append(f'<g class="dot">{_shape(shape, x, y)}<title>{_text(dot.label)}</title></g>')
    return parts


def _shape(shape: str, x: float, y: float) -> str:
    if shape == "circle":
        return f'<circle cx="{x}" cy="{y}" r="3.6"/>'
    corners = {
        "square": ((-3.3, -3.3), (3.3, -3.3), (3.3, 3.3), (-3.3, 3.3)),
        "diamond": ((0, -4.8), (4.8, 0), (0, 4.8), (-4.8, 0)),
        "triangle": ((0, -4.6), (4.4, 3.6), (-4.4, 3.6)),
    }[shape]
    return f'<polygon points="{" ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners)}"/>'
