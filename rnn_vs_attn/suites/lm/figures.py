"""What `lm` draws: bits a byte over seconds, over tokens, by position, and by context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from rnn_vs_attn.records.query import Group, measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.plots import Figure, Level, Series
from rnn_vs_attn.suites.lm.outcomes import Outcome, differing, outcomes

_Y = "bits a byte, held out"


def figures(records: Sequence[Record]) -> list[Figure]:
    """Of each group of rivals its four figures."""
    groups: dict[Group, list[Outcome]] = {}
    for outcome in outcomes(records):
        groups.setdefault(outcome.group, []).append(outcome)
    found: list[Figure] = []
    for number, (group, rivals) in enumerate(groups.items(), start=1):
        ending = f"-{number}" if len(groups) > 1 else ""
        found += _of_group(records, rivals, differing(group, list(groups)), ending)
    return found


def chart(records: Sequence[Record]) -> Figure | None:
    """The curves over seconds, for a terminal."""
    return next(iter(figures(records)), None)


def _of_group(records: Sequence[Record], rivals: Sequence[Outcome], group: str, ending: str) -> Iterator[Figure]:
    """group: what tells these from other groups."""
    text = ", ".join(filter(None, [str(rivals[0].axes["text"]), group]))
    levels = _levels(records)
    for name, x_label, title in (("seconds", "s", "by time"), ("tokens", "tokens", "by tokens")):
        lines = _lines(_curve(outcome, seconds=name == "seconds") for outcome in rivals)
        about = f"{text}, {title}: median and range of the seeds"
        if lines:
            yield Figure(f"bits-{name}{ending}", about, x_label, _Y, lines, levels=levels, linear_x=True)
    for name, title in (("position", "by the place in a segment read alone"), ("context", "by the tokens before")):
        lines = _lines(_over(records, outcome, name) for outcome in rivals)
        if lines:
            yield Figure(f"bits-{name}{ending}", f"{text}: {title}; median of the seeds", "tokens", _Y, lines)


def _lines(series: Iterable[Series]) -> list[Series]:
    """Those that are longer than a point."""
    return [each for each in series if len(each.x) > 1]


def _levels(records: Sequence[Record]) -> list[Level]:
    """What the text costs without a network."""
    found = measured(records, "baseline_bits")
    return [Level(str(r.axes["method"]), r.median or 0.0) for r in {str(r.axes["method"]): r for r in found}.values()]


def _curve(outcome: Outcome, seconds: bool) -> Series:
    """Without the point before the first step, which is so high that all others would lie flat."""
    points = list(zip(*outcome.curves, strict=False))[1:]
    bits = [[point.bits for point in seeds] for seeds in points]
    x = [median(point.seconds for point in seeds) if seconds else seeds[0].tokens for seeds in points]
    return Series(
        outcome.model,
        x,
        [median(values) for values in bits],
        [min(values) for values in bits],
        [max(values) for values in bits],
    )


def _over(records: Sequence[Record], outcome: Outcome, axis: str) -> Series:
    found = measured(records, f"bits_at_{axis}", **outcome.at_best)
    found.sort(key=lambda record: float(record.axes[axis] or 0))
    x = [float(record.axes[axis] or 0) for record in found]
    return Series(outcome.model, x, [r.median or 0.0 for r in found], [r.low for r in found], [r.high for r in found])
