"""What `variants transformer-xl` reads out of its records: times beside the memory's, and the paper's Table 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnn_vs_attn.models.shapes import TRANSFORMER_XL_SIZES
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Metric, Record
from rnn_vs_attn.suites.metrics import NUM_PARAMS
from rnn_vs_attn.suites.ratios import like, ratio_to
from rnn_vs_attn.suites.sizes import exact
from rnn_vs_attn.suites.variants.transformer_xl.case import MEMORY

# Dai et al. 2019, table 9: attention length -> times that a window of stride 1 is slower, a token
TABLE_9 = {800: 363, 1800: 773, 2800: 1409, 3800: 1874}

# Dai et al. 2019, tables 1 and 2
PUBLISHED = {
    "transformer-xl-wt103-base": 151e6,
    "transformer-xl-wt103-large": 257e6,
    "transformer-xl-enwik8-base": 41e6,
    "transformer-xl-enwik8-large": 277e6,
}


def derive(records: Sequence[Record]) -> list[Record]:
    """Every method's time divided by the memory's, training memory likewise, and the published sizes, counted."""
    return [*_ratios(records), *_training(records), *_sizes(records)]


def _ratios(records: Sequence[Record]) -> list[Record]:
    found: list[Record] = []
    times = measured(records, "token_time")
    for record in (r for r in times if r.axes["method"] != MEMORY):
        found += ratio_to(like(record, times, "method", "model", method=MEMORY), record)
    return found


def _training(records: Sequence[Record]) -> list[Record]:
    """Memory of training in halves with a memory, divided by that of one long segment."""
    found: list[Record] = []
    peaks = measured(records, "peak_memory")
    for record in (r for r in peaks if r.axes.get("memory_len")):
        found += ratio_to(like(record, peaks, "memory_len", memory_len=0), record)
    return found


def _sizes(records: Sequence[Record]) -> list[Record]:
    """num_params of each published size."""
    if not records:
        return []
    return [
        exact(NUM_PARAMS, records[0].suite, {"size": name}, shape.num_params, published=PUBLISHED[name])
        for name, shape in TRANSFORMER_XL_SIZES.items()
    ]


def expand(records: Sequence[Record]) -> list[Record]:
    """The paper's ratio beside ours, and both training peaks under names that do not hang on the length."""
    found = []
    for record in measured(records, "ratio", of="token_time", method="window-1"):
        figure = TABLE_9.get(int(record.axes["seq_len"] or 0))
        if figure is not None:
            axes = {name: value for name, value in record.axes.items() if name != "of"}
            found.append(exact(_PUBLISHED_RATIO, record.suite, axes, figure))
    for record in measured(records, "peak_memory"):
        axes = {name: value for name, value in record.axes.items() if name not in ("pass", "memory_len")}
        axes |= {"segments": "memory" if record.axes["memory_len"] else "one"}
        found.append(replace(record, metric="train_memory", axes=axes))
    return found


_PUBLISHED_RATIO = Metric("published_ratio", "1", "none", exact=True)
