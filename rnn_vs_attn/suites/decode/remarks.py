"""What `decode` says in words under its table: from which context a bounded state is cheaper, and what each carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import curves, named, said_of_crossing, seq_len_of, unvaried
from rnn_vs_attn.suites.decode.analysis import base_of, bounded, growth


def remarks(records: Sequence[Record]) -> list[str]:
    """Crossings in time and in state; what each model carries on."""
    return [*_times(records), *_states(records), *_carried(records)]


def _times(records: Sequence[Record]) -> Iterator[str]:
    skip = unvaried(records)
    for record in (r for r in records if r.metric == "crossing" and r.axes["of"] == "step_time"):
        axes = record.axes
        name, base = named(axes, *skip), base_of(str(axes["model"]))
        yield f"Time a token, {name} and {base}: {said_of_crossing(record, name, 'a context of', 'context')}."


def _states(records: Sequence[Record]) -> Iterator[str]:
    skip = unvaried(records)
    for record in (r for r in records if r.metric == "crossing" and r.axes["of"] == "state_size"):
        base, name = base_of(str(record.axes["model"])), named(record.axes, *skip)
        at = units.significant(record.median or 0.0)
        yield f"State, {name} and {base}: beyond a context of {at} {name} carries less (exact)."


def _carried(records: Sequence[Record]) -> Iterator[str]:
    skip, parts = unvaried(records), []
    for group, sizes in curves(measured(records, "state_size")).items():
        name, most = named(dict(group), *skip), units.size(sizes[-1].median or 0.0)
        grows = growth(sizes)
        if grows is not None:
            parts.append(f"{name} {units.size(grows[1])} more a token")
        elif bounded(sizes) and sizes[0].median == sizes[-1].median:
            parts.append(f"{name} {most} whatever the context")
        elif bounded(sizes):
            full = next(seq_len_of(r) for r in sizes if r.median == sizes[-1].median)
            parts.append(f"{name} at most {most}, reached at a context of {full:.0f}")
    if parts:
        yield f"What is carried from token to token: {'; '.join(parts)}."
