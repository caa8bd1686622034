"""A line of a run that an earlier version stored, in the words of this one.

SCHEMA stands in `run.json`, and goes up when a stored meaning changes. Its history:

1, the first.
2, one meaning a name. `flops` of a token, in `variants`, is `flops_per_token`; `reach` of Transformer-XL is
`receptive_field`; `verdict` of `gradflow` is `gradient_law`. `forward_time` and `train_time` of `variants` were of
single calls without a warm-up, which are `forward_call_time` and `train_call_time`, and are of blocks after one.
3, axes of attention. Cases of layers have `num_kv_heads` and `positions`, which nothing had a use for before.
4, kernels of packages. Cases of `bench` have `backend`; all was computed by this program's own code of torch before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.types import Axes, AxisValue, Record, SampleLine

SCHEMA = 4

_BY_SIZE = {
    "flops": "flops_per_token",
    "forward_time": "forward_call_time",
    "train_time": "train_call_time",
}
_NAMES_SINCE_2: Mapping[str, Mapping[str, str]] = {  # by suite: of metrics, what they were called in schema 1
    "gradflow": {"verdict": "gradient_law"},
    "variants-albert": _BY_SIZE,
    "variants-gpt": _BY_SIZE,
    "variants-transformer-xl": {"reach": "receptive_field"},
}
_OF_LAYERS = ("bench", "gradflow", "decode", "scaling")  # suites whose cases got axes later
_LATER_AXES: Axes = {"kernel_size": 4, "window": 64, "positions": "none"}  # no model had a use for them before

Line = TypeVar("Line", SampleLine, Record)


def migrated(line: Line, schema: int) -> Line:
    """A line that was stored under `schema`, under SCHEMA."""
    return _with_later_axes(line if schema > 1 else _renamed(line, _NAMES_SINCE_2.get(line.suite, {})))


def _renamed(line: Line, names: Mapping[str, str]) -> Line:
    """With its metric, and that `of` which it was derived, under the names given."""
    of = line.axes.get("of")
    axes: dict[str, AxisValue] = {**line.axes, "of": names[of]} if isinstance(of, str) and of in names else line.axes
    return replace(line, metric=names.get(line.metric, line.metric), axes=axes)


def _with_later_axes(line: Line) -> Line:
    """With the axes that its suite's cases got later, at the values that measured nothing else before. A claim has none
    of a case's axes but those that tell it from others of its run.
    """
    if line.suite not in _OF_LAYERS or "num_layers" not in line.axes or line.metric == VERDICT.name:
        return line
    later = {**_LATER_AXES, "num_kv_heads": _a_quarter(line.axes.get("num_heads"))}
    if line.suite == "bench":
        later["backend"] = "torch"
    missing = {name: value for name, value in later.items() if name not in line.axes}
    return replace(line, axes={**line.axes, **missing}) if missing else line


def _a_quarter(num_heads: AxisValue) -> int:
    """num_kv_heads where none was given."""
    return num_heads // 4 if isinstance(num_heads, int) and num_heads % 4 == 0 else 1
