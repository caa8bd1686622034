"""What `gradflow` draws: the norms of all cases over the distance, down to where float32 ends."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn.records.query import Group, without
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.plots import Figure, Level, Series
from rnn_vs_attn.suites.gradflow.analysis import norms_of

_BOUND = 45.0  # decades up and down


def figures(records: Sequence[Record]) -> list[Figure]:
    """Norms over the distance, from distance 1 on, on log axes."""
    figure = chart(records)
    return [] if figure is None else [figure]


def chart(records: Sequence[Record]) -> Figure | None:
    """The same figure, for a terminal."""
    cases = norms_of(records)
    series = [_line(group, _to_first_gap(records, group, norms), cases) for group, norms in cases.items()]
    series = [line for line in series if len(line.x) > 1]
    if not series:
        return None
    levels = []
    if min(value for line in series for value in line.y) <= -_BOUND:
        levels.append(Level("below: 0 in float32", -_BOUND))
    title = "Gradient that arrives from so many tokens back"
    return Figure(
        "gradient_norm", title, "distance (tokens)", "gradient_norm", series, log10=True, levels=levels, bound=_BOUND
    )


def _to_first_gap(records: Sequence[Record], group: Group, norms: dict[int, Record]) -> dict[int, Record]:
    """Those before the first distance from 1 on that has no norm: a line over it would say that there is one."""
    asked = {
        int(r.axes["distance"] or 0)
        for r in records
        if r.metric == "gradient_norm_log10" and "distance" in r.axes and without(r.axes, "distance") == group
    }
    gap = min((k for k in asked if k >= 1 and k not in norms), default=max(asked) + 1)
    return {k: record for k, record in norms.items() if k < gap}


def _line(group: Group, norms: dict[int, Record], cases: dict[Group, dict[int, Record]]) -> Series:
    varying = [n for n, _ in group if n != "model" and len({dict(g).get(n) for g in cases}) > 1]
    label = " ".join([str(dict(group)["model"]), *(f"{n} {dict(group)[n]}" for n in varying)])
    points = [(k, norms[k]) for k in sorted(norms) if k >= 1]
    return Series(
        label,
        [float(k) for k, _ in points],
        [r.median or 0.0 for _, r in points],
        [r.low for _, r in points],
        [r.high for _, r in points],
    )
