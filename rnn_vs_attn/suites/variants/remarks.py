"""What suites of `variants` that go by size say alike: settings that differ, and sizes that are only counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.curves import unvaried

_SETTINGS = ("seq_len", "batch_size", "dtype", "device", "threads")


def where(axes: Axes, records: Sequence[Record]) -> str:
    """ " (seq_len 64)": the settings of a case that differ among `records`; "" where none does."""
    skip = (*unvaried(records), *(() if len({r.axes["seq_len"] for r in records}) > 1 else ("seq_len",)))
    settings = [f"{name} {axes[name]}" for name in _SETTINGS if name in axes and name not in skip]
    return f" ({', '.join(settings)})" if settings else ""


def only_counted(records: Sequence[Record]) -> Iterator[str]:
    """Which sizes have counts and no times."""
    timed = {r.axes.get("size") for r in records if r.metric.endswith("_time")}
    names = dict.fromkeys(str(r.axes["size"]) for r in measured(records, "num_params") if "size" in r.axes)
    found = [name for name in names if name not in timed]
    if found:
        yield f"Counted and not measured: {', '.join(found)}; --size measures what it names."
