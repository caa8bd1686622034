"""What claims of `variants` share: published counts, and which settings a claim is of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rnn_vs_attn.records.claims import FAILS, HOLDS, Claim
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import LAUNCH_BOUND, Axes, AxisValue, Record
from rnn_vs_attn.suites.columns import millions

_SETTINGS = ("seq_len", "batch_size", "d_model", "num_heads", "num_layers", "dtype", "device", "threads", "vocab_size")
_ROUNDING = 0.5e6  # papers give whole millions
_NEAR = 0.01  # beside their rounding


def settings(axes: Axes, *names: str) -> dict[str, AxisValue]:
    """What tells a claim from those of other settings."""
    return {name: value for name, value in axes.items() if name in (*names, *_SETTINGS)}


def of_host(records: Sequence[Record], name: str, axes: Axes, **among: Collection[AxisValue]) -> str:
    """Said where some of the times of the pass `name` at these settings are those of the host's launches on a GPU.

    among: by axis which cases are meant, where not all.
    """
    wanted = {key: (value,) for key, value in settings(axes).items()} | among
    bound = (r.axes for r in records if r.metric == LAUNCH_BOUND and r.axes["pass"] == name and r.holds)
    if any(all(at.get(key) in values for key, values in wanted.items()) for at in bound):
        return "some of these times are those of the host's launches, not the GPU's"
    return ""


def published(records: Sequence[Record], figures: Mapping[str, float], what: str) -> list[Claim]:
    """Whether the counts of the published sizes are those of the paper; nothing without one."""
    counts = {str(r.axes["size"]): r.median or 0.0 for r in measured(records, "num_params") if "size" in r.axes}
    known = {size: value for size, value in counts.items() if size in figures}
    if not known:
        return []
    others = {size: value for size, value in known.items() if not _agrees(value, figures[size])}
    parts = [f"{size} has {value / 1e6:.1f} M (paper: {millions(figures[size])})" for size, value in others.items()]
    figure = f"{len(known) - len(others)} of {len(known)} published sizes have as many"
    verdict, text = FAILS if others else HOLDS, f"{what} has as many parameters as its paper says"
    return [Claim("published-sizes", text, verdict, "; ".join([figure, *parts]))]


def _agrees(value: float, figure: float) -> bool:
    return abs(value - figure) <= _ROUNDING + _NEAR * figure
