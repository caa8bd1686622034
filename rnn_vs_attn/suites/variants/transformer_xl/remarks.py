"""What `variants transformer-xl` says in words beside its claims: what Table 9 compares, and how things are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.columns import millions, whole
from rnn_vs_attn.suites.variants.transformer_xl.analysis import TABLE_9


def remarks(records: Sequence[Record]) -> list[str]:
    """What Table 9 compares; how a receptive field is counted; published sizes."""
    return [*_table_9(measured(records, "ratio", of="token_time")), *_receptive_fields(records), *_sizes(records)]


def _table_9(found: Sequence[Record]) -> Iterator[str]:
    """What the paper's ratio is made of."""
    ours = [(float(r.axes["seq_len"] or 1), r.median or 0.0) for r in found if r.axes["method"] == "window-1"]
    if not ours:
        return
    shares = [value / length for length, value in ours]
    of_paper = [value / length for length, value in TABLE_9.items()]
    figures = ", ".join(f"{value:,} at {length:,}" for length, value in TABLE_9.items())
    yield (
        f"The paper's Table 9 has {figures} for a window of stride 1, on a GPU that it does not name. Divided by the "
        f"attention length that is {min(of_paper):.2f} to {max(of_paper):.2f} throughout (here {_span(shares)}): it is "
        f"the price of computing the whole window again for each token, and no comparison with a decoder that keeps "
        f"its keys and values, which the rows named cache are; there learned positions end the "
        f"context, where relative ones go on."
    )


def _span(values: Sequence[float]) -> str:
    low, high = units.significant(min(values), 2), units.significant(max(values), 2)
    return low if low == high else f"{low} to {high}"


def _receptive_fields(records: Sequence[Record]) -> Iterator[str]:
    """Of the first number of layers, what the distance is by definition."""
    for record in [r for r in measured(records, "receptive_field") if r.axes["memory_len"]][:1]:
        layers, memory_len, position = (int(record.axes[n] or 0) for n in ("num_layers", "memory_len", "position"))
        yield (
            f"Receptive field: counted in float64 on a small model by changing each token, of the output at position "
            f"{position} of its segment; by definition it is position + layers x memory, "
            f"{position + layers * memory_len} with {layers} layers and {memory_len}."
        )


def _sizes(records: Sequence[Record]) -> Iterator[str]:
    parts = [
        f"{record.axes['size']} {whole(record.median or 0)} ({millions(record.details['published'])})"
        for record in measured(records, "num_params")
        if "size" in record.axes and "published" in record.details
    ]
    if parts:
        yield (f"Parameters of the released configurations, counted (and as published): {', '.join(parts)}.")
