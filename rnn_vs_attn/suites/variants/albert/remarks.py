"""What `variants albert` says in words beside its claims: what BERT is here, and the paper's tables of the switches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.models.shapes import ALBERT_SIZES, AlbertShape
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.columns import millions
from rnn_vs_attn.suites.variants.remarks import only_counted


def remarks(records: Sequence[Record]) -> list[str]:
    """What BERT is here; the tables of the switches; what was only counted."""
    return [*_bert(records), *_tables(records), *only_counted(records)]


def _bert(records: Sequence[Record]) -> Iterator[str]:
    if any("size" in r.axes for r in records):
        with_own = ALBERT_SIZES["bert-base"]
        yield (
            f"All sizes have ALBERT's vocabulary of {AlbertShape.vocab_size} and its GELU, so that BERT here is ALBERT "
            f"with both switches off; the released BERT-base has {with_own.vocab_size} tokens and "
            f"{with_own.num_params:,} parameters. Counts are with the pooler."
        )


def _tables(records: Sequence[Record]) -> Iterator[str]:
    for number, what in ((3, "embedding width"), (4, "what is shared")):
        rows = [r for r in records if r.axes.get("table") == number and "published" in r.details]
        parts = [
            f"E {r.axes['embedding_dim']}, {r.axes['sharing']}: {(r.median or 0) / 1e6:.1f} M "
            f"({millions(r.details['published'])})"
            for r in rows
        ]
        if parts:
            yield f"Table {number} of the paper, {what}, counted (and as printed there), base size: {'; '.join(parts)}."
