"""What `variants albert` counts and reads out of its records: sizes with one switch on, ratios to BERT, two tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnn_vs_attn.models.shapes import AlbertShape
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.suites import sizes
from rnn_vs_attn.suites.metrics import NUM_PARAMS
from rnn_vs_attn.suites.ratios import like, ratio_to
from rnn_vs_attn.suites.variants.albert.case import SIZES, AlbertCase

# Lan et al. 2020, table 1
PUBLISHED = {
    "albert-base": 12e6,
    "albert-large": 18e6,
    "albert-xlarge": 60e6,
    "albert-xxlarge": 235e6,
    "bert-base": 108e6,
    "bert-large": 334e6,
}

# Lan et al. 2020, tables 3 and 4, base size: (embedding_dim, sharing) -> parameters
EMBEDDINGS = {
    (64, "none"): 87e6,
    (128, "none"): 89e6,
    (256, "none"): 93e6,
    (768, "none"): 108e6,
    (64, "all"): 10e6,
    (128, "all"): 12e6,
    (256, "all"): 16e6,
    (768, "all"): 31e6,
}
SHARING = {
    (768, "all"): 31e6,
    (768, "attention"): 83e6,
    (768, "feed-forward"): 57e6,
    (768, "none"): 108e6,
    (128, "all"): 12e6,
    (128, "attention"): 64e6,
    (128, "feed-forward"): 38e6,
    (128, "none"): 89e6,
}


def derive(records: Sequence[Record]) -> list[Record]:
    """The published sizes that were not measured, counted; ratios to BERT; the paper's two tables of the switches."""
    others = sizes.counted(records, AlbertCase, PUBLISHED)
    return [*others, *ratios(records), *ablations(records)]


def expand(records: Sequence[Record]) -> list[Record]:
    """The published counts."""
    return sizes.published(records, PUBLISHED)


def bert_of(size: str) -> str:
    """The size of the same shape with both switches off: albert-base and bert-base+shared -> bert-base."""
    return size.removeprefix("al").split("+")[0]


COMPARED = ("num_params", "flops_per_token", "forward_time", "train_time", "peak_memory")


def ratios(records: Sequence[Record]) -> list[Record]:
    """Every measured size divided by BERT of its shape, within rounds."""
    found: list[Record] = []
    for metric in COMPARED:
        mine = measured(records, metric)
        for record in mine:
            own = str(record.axes["size"])
            baseline = like(record, mine, "size", size=bert_of(own)) if own != bert_of(own) else None
            found += ratio_to(baseline, record)
    return found


def shape_at(embedding_dim: int, sharing: str) -> AlbertShape:
    """ALBERT-base with another embedding and sharing; as wide as the model is no factorisation."""
    base = SIZES["albert-base"]
    return replace(base, embedding_dim=None if embedding_dim == base.d_model else embedding_dim, sharing=sharing)


def ablations(records: Sequence[Record]) -> list[Record]:
    """The parameters of every row of the paper's tables 3 and 4, counted."""
    if not records:
        return []
    found = []
    for table, rows in ((3, EMBEDDINGS), (4, SHARING)):
        for (embedding_dim, sharing), figure in rows.items():
            axes: dict[str, AxisValue] = {"table": table, "embedding_dim": embedding_dim, "sharing": sharing}
            value = shape_at(embedding_dim, sharing).num_params
            found.append(sizes.exact(NUM_PARAMS, records[0].suite, axes, value, published=figure))
    return found
