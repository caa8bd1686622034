"""A figure over time as lines of text, in letters that every terminal has."""

from __future__ import annotations

from rnn_vs_attn.report.timeline import Timeline, scale_of, steps, written

_LETTERS = "ox+*"  # one a machine
_HEIGHT = 9


def as_text(chart: Timeline, width: int) -> list[str]:
    """The figure in lines of `width` characters: `-` is a level, `:` a change or another machine."""
    (low, high), columns = chart.limits_of_medians, max(20, width - 11)
    factor, unit = scale_of(low, high, chart.unit)
    canvas = [[" "] * columns for _ in range(_HEIGHT)]
    _draw(chart, canvas)
    ticks = steps(low / factor, high / factor, 4)
    labels = {_row(chart, tick * factor): text for tick, text in zip(ticks, written(ticks), strict=True)}
    lines = [f"{chart.title}{f', {unit}' if unit else ''}"]
    lines += [f"{labels.get(i, ''):>8} |{''.join(row)}".rstrip() for i, row in enumerate(canvas)]
    lines.append(f"{'':>8} +{'-' * columns}")
    below = _flags(chart, columns)
    ends = chart.ticks[0][1], chart.ticks[-1][1] if len(chart.ticks) > 1 else ""
    room = columns - len(ends[0]) - len(ends[1])
    return [*lines, *below, f"{'':>10}{ends[0]}{f'{chart.x_label:^{room}}' if room > 0 else ' '}{ends[1]}".rstrip()]


def _draw(chart: Timeline, canvas: list[list[str]]) -> None:
    columns = len(canvas[0])
    for flag in chart.flags:
        for row in canvas:
            row[_column(chart, flag.x, columns)] = ":"
    for stretch in chart.stretches:
        for column in range(_column(chart, stretch.begin, columns), _column(chart, stretch.end, columns) + 1):
            canvas[_row(chart, stretch.y)][column] = "-"
    for number, line in enumerate(chart.lines):
        for dot in line.dots:
            canvas[_row(chart, dot.y)][_column(chart, dot.x, columns)] = _LETTERS[number % len(_LETTERS)]


def _flags(chart: Timeline, columns: int) -> list[str]:
    """Under the axis a line for each mark that says what it is."""
    lines = []
    for flag in sorted(chart.flags, key=lambda flag: flag.x):
        at, label = _column(chart, flag.x, columns), f"^ {flag.label}"
        if at + len(label) > columns:
            label = f"{flag.label} ^"
            at = max(0, at - len(label) + 1)
        lines.append(f"{'':>10}{'':>{at}}{label}" if at else f"{'':>10}{label}")
    return lines


def _column(chart: Timeline, x: float, columns: int) -> int:
    low, high = chart.reach
    return round((x - low) / (high - low) * (columns - 1))


def _row(chart: Timeline, y: float) -> int:
    low, high = chart.limits_of_medians
    return round((high - y) / (high - low) * (_HEIGHT - 1))
