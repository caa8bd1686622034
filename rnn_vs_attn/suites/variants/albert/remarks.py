"""What `variants albert` says in words under its table: what sharing saves and does not, and the paper's counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.models.shapes import ALBERT_SIZES, AlbertShape
from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report.curves import interval
from rnn_vs_attn.suites.columns import factor, millions, whole
from rnn_vs_attn.suites.variants.albert.analysis import PUBLISHED, bert_of
from rnn_vs_attn.suites.variants.remarks import only_counted, where

_NAMED = {
    ("num_params", None): "of its parameters",
    ("peak_memory", "train"): "of the memory of a training pass",
    ("flops_per_token", None): "of its FLOPs",
    ("forward_time", None): "of its forward time",
    ("train_time", None): "of its training time",
    ("forward_call_time", None): "of the time of a forward call",
    ("train_call_time", None): "of the time of a training call",
}
_ROUNDING = 0.5e6  # the paper gives whole millions


def remarks(records: Sequence[Record]) -> list[str]:
    """Ratios; where the paper's counts are others; the tables of the switches; what was only counted."""
    return [*_ratios(records), *_counts(records), *_tables(records), *only_counted(records)]


def _ratios(records: Sequence[Record]) -> Iterator[str]:
    """A line a size, and the sentence about sharing with the numbers of a size that shares and does nothing else."""
    found = [r for r in records if r.metric == "ratio"]
    groups: dict[Group, dict[tuple[AxisValue, AxisValue], Record]] = {}
    for record in found:
        group = groups.setdefault(without(record.axes, "of", "pass"), {})
        group[(record.axes["of"], record.axes.get("pass"))] = record
    for key, mine in groups.items():
        axes = dict(key)
        parts = [f"{_value(mine[name])} {words}" for name, words in _NAMED.items() if name in mine]
        line = f"{axes['size']} against {bert_of(str(axes['size']))}{where(axes, found)}: {', '.join(parts)}"
        yield f"{_CLAIM}; {line}." if str(axes["size"]).endswith("+shared") else f"{line}."
    if found:
        yield (
            "Every layer is computed, whether it is shared or not. Gradients of shared weights are added up in one "
            "place, so that they, and an optimizer's state, are stored once. The paper's ALBERT-base trained "
            "1.19 times as fast as its BERT-base (5.6 against 4.7) on many TPUs, between which there was less to send."
        )


_CLAIM = "Sharing saves parameters and memory, not FLOPs"


def _value(record: Record) -> str:
    """A ratio with its interval; what is exact needs none."""
    exact = record.axes["of"] in ("num_params", "flops_per_token")
    return factor(record.median or 0.0) if exact else interval(record, factor)


def _counts(records: Sequence[Record]) -> Iterator[str]:
    """Where a count rounds to another figure than the paper's."""
    parts = []
    for record in measured(records, "num_params"):
        name, value = str(record.axes.get("size")), record.median or 0.0
        figure = PUBLISHED.get(name)
        text = f"{name} {whole(value)} against {millions(figure or 0)}"
        if figure is not None and abs(value - figure) > _ROUNDING + 0.01 * figure and text not in parts:
            parts.append(text)
    if parts:
        yield f"Parameters, with the pooler, against the paper's where beyond rounding and 1%: {', '.join(parts)}."
    if any("size" in r.axes for r in records):
        with_own = ALBERT_SIZES["bert-base"]
        yield (
            f"All sizes have ALBERT's vocabulary of {AlbertShape.vocab_size} and its GELU, so that BERT here is ALBERT "
            f"with both switches off; the released BERT-base has {with_own.vocab_size} tokens and "
            f"{whole(with_own.num_params)} parameters."
        )


def _tables(records: Sequence[Record]) -> Iterator[str]:
    for number, what in ((3, "embedding width"), (4, "what is shared")):
        rows = [r for r in records if r.axes.get("table") == number]
        parts = [
            f"E {r.axes['embedding_dim']}, {r.axes['sharing']}: {(r.median or 0) / 1e6:.1f} M "
            f"({millions(r.details['published'])})"
            for r in rows
        ]
        if parts:
            yield f"Table {number} of the paper, {what}, counted (and as printed there), base size: {'; '.join(parts)}."
