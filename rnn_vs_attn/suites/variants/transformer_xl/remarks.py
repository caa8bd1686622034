"""What `variants transformer-xl` says in words under its table: ratios beside the paper's, receptive field, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.columns import factor, millions, whole
from rnn_vs_attn.suites.variants.transformer_xl.analysis import TABLE_9

_TELLS_APART = (
    "batch_size",
    "d_model",
    "num_heads",
    "num_layers",
    "dtype",
    "device",
    "threads",
    "vocab_size",
    "segment_len",
)


def remarks(records: Sequence[Record]) -> list[str]:
    """Evaluation, then what Table 9 compares; receptive field; training memory; published sizes."""
    return [*_evaluation(records), *_receptive_fields(records), *_training(records), *_sizes(records)]


def _evaluation(records: Sequence[Record]) -> Iterator[str]:
    found = measured(records, "ratio", of="token_time")
    methods = {
        "window-1": "A window computed anew for each token takes {} times as long as segments with a memory",
        "window-half": "A window moved by half of its length, whose tokens see from half of it to all of it, takes {} "
        "times as long a token as segments with a memory",
        "cache": "A key-value cache, one token at a time as in generation, takes {} times as long a token as segments "
        "with a memory",
        "cache-segment": "A key-value cache, a segment at a time, takes {} times as long a token as segments with a "
        "memory; learned positions end its context there, where relative ones go on",
    }
    for method, words in methods.items():
        mine = [r for r in found if r.axes["method"] == method]
        values = ", ".join(f"{_value(r)} at {_case(r, found)}" for r in mine)
        if mine:
            yield words.format(values) + "."
    if any(r.axes["method"] == "window-1" for r in found):
        yield from _table_9(found)


def _table_9(found: Sequence[Record]) -> Iterator[str]:
    """What the paper's ratio is made of."""
    ours = [(float(r.axes["seq_len"] or 1), r.median or 0.0) for r in found if r.axes["method"] == "window-1"]
    shares = [value / length for length, value in ours]
    of_paper = [value / length for length, value in TABLE_9.items()]
    figures = ", ".join(f"{value:,} at {length:,}" for length, value in TABLE_9.items())
    yield (
        f"The paper's Table 9 has {figures} for a window of stride 1, on a GPU that it does not name. Divided by the "
        f"attention length that is {min(of_paper):.2f} to {max(of_paper):.2f} throughout (here {_span(shares)}): it is "
        f"the price of computing the whole window again for each token, and no comparison with a decoder that keeps "
        f"its keys and values, which the rows named cache are."
    )


def _span(values: Sequence[float]) -> str:
    low, high = units.significant(min(values), 2), units.significant(max(values), 2)
    return low if low == high else f"{low} to {high}"


def _value(record: Record) -> str:
    return interval(record, factor, lacking="")


def _case(record: Record, found: Sequence[Record]) -> str:
    """The attention length, and what else tells it from its like."""
    varying = [n for n in _TELLS_APART if len({r.axes.get(n) for r in found}) > 1]
    return ", ".join([f"{record.axes['seq_len']:,}", *(f"{n} {record.axes[n]}" for n in varying)])


def _receptive_fields(records: Sequence[Record]) -> Iterator[str]:
    """One line a number of layers: it does not hang on the attention length."""
    seen = set()
    found = measured(records, "receptive_field")
    for record in (r for r in found if r.axes["memory_len"]):
        layers, memory_len, position = (int(record.axes[n] or 0) for n in ("num_layers", "memory_len", "position"))
        without = [r.median for r in found if not r.axes["memory_len"] and r.axes["num_layers"] == layers]
        if layers in seen or not without:
            continue
        seen.add(layers)
        yield (
            f"Receptive field of an output at position {position} of its segment through {layers} layers, measured on "
            f"a small model in float64 by changing each token: {without[0]:.0f} tokens back without a memory, "
            f"{record.median:.0f} with one of {memory_len} (position + layers x memory: "
            f"{position + layers * memory_len})."
        )


def _training(records: Sequence[Record]) -> Iterator[str]:
    found = measured(records, "ratio", of="peak_memory")
    for record in found:
        length, memory_len = int(record.axes["seq_len"] or 0), int(record.axes["memory_len"] or 0)
        yield (
            f"Training over {_case(record, found)} tokens: a segment of {length - memory_len} after a memory of "
            f"{memory_len}, through which no gradient goes, takes {_value(record)} of what one long segment takes."
        )


def _sizes(records: Sequence[Record]) -> Iterator[str]:
    parts = [
        f"{record.axes['size']} {whole(record.median or 0)} ({millions(record.details['published'])})"
        for record in measured(records, "num_params")
        if "size" in record.axes
    ]
    if parts:
        yield (
            f"Parameters of the released configurations, counted (and as published): {', '.join(parts)}; the large "
            f"one for WikiText-103 does not reproduce the paper's figure."
        )
