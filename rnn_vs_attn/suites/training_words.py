"""What suites that train say alike: the values of seeds, and trainings that came to no end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import Group, without
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.learning_rates import RATE

RETRY = "--resume RUN --retry trains again"
_NAMED = 4  # trainings of which the same is said


def of_seeds(values: Sequence[float], write: Callable[[float], str]) -> str:
    """The value of every seed, or of six and more their median with its interval."""
    found = intervals.estimate(values)
    if found.low is None or found.high is None:
        return " ".join(map(write, values))
    return f"{write(found.median)} [{write(found.low)}, {write(found.high)}]"


def endless(records: Sequence[Record], metric: str, label: Callable[[Axes], str]) -> Iterator[str]:
    """Trainings without a result, or without that of a later seed, by what came between; a line a reason.

    metric: one that every training has at its end.
    """
    reasons: dict[str, list[str]] = {}
    for record in records:
        if record.metric == metric and record.status != "ok":
            reason = f"{record.status.replace('_', ' ')}: {record.error}"
            reasons.setdefault(reason, []).append(label(record.axes))
    for reason, labels in reasons.items():
        named = list(dict.fromkeys(labels))[:_NAMED]  # of several lengths or widths a label stands for several
        more = len(labels) - len(named)
        listed = ", ".join(named) + (f" and {more} more" if more else "")
        yield f"{units.counted(len(labels), 'training')} came to no end ({listed}): {reason}"


def without_end(records: Sequence[Record], metric: str, ended: Iterable[Axes]) -> dict[Group, str]:
    """What came between where no training came to its end, by all axes but the learning rate.

    metric: one that every training has at its end. ended: the axes of those of which one did.
    """
    known = [dict(axes) for axes in ended]
    reasons: dict[Group, str] = {}
    for record in records:
        group = without(record.axes, RATE)
        if record.metric == metric and record.status != "ok" and dict(group) not in known:
            reasons.setdefault(group, f"{record.status.replace('_', ' ')}: {record.error}; {RETRY}")
    return reasons
