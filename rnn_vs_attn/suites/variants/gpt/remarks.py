"""What `variants gpt` says in words under its table: growth with size, embeddings' share, what is only counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.variants.remarks import only_counted, where


def remarks(records: Sequence[Record]) -> list[str]:
    """Growth; embeddings' share; sizes that are counted only."""
    return [*_growth(records), *_embeddings(records), *only_counted(records)]


def _growth(records: Sequence[Record]) -> Iterator[str]:
    found = [r for r in records if r.metric == "exponent"]
    groups: dict[Group, list[Record]] = {}
    for record in found:
        groups.setdefault(without(record.axes, "of", "pass"), []).append(record)
    for group, mine in groups.items():
        axes = dict(group)
        parts = "; ".join(_exponent(record) for record in mine)
        span = f"{axes['size_from']} to {axes['size_to']}{where(axes, found)}"
        yield f"Growth with the number of parameters, b in num_params^b, {span}: {parts}."


def _exponent(record: Record) -> str:
    of = str(record.axes["of"])
    if of == "flops_per_token":
        return f"FLOPs a token {units.significant(record.median or 0.0)} (exact)"
    name = f"memory of {record.axes['pass']} above the weights" if "pass" in record.axes else of.replace("_", " ")
    return f"{name} {interval(record, units.significant)}"


def _embeddings(records: Sequence[Record]) -> Iterator[str]:
    """Where most of a size is its vocabulary, which a step multiplies once and a forward pass once a token."""
    parts = []
    for record in measured(records, "num_params"):
        rows = (GPTShape.vocab_size + GPTShape.context_len) * float(record.axes["d_model"] or 0)
        share = f"{record.axes['size']} {units.percent(rows / (record.median or 1.0))}"
        if share not in parts:
            parts.append(share)
    if parts:
        what = f"the embeddings of {GPTShape.vocab_size:,} tokens and {GPTShape.context_len:,} positions"
        yield f"Of all parameters, {what} are: {', '.join(parts)}."
