"""Columns of tables, and how their numbers are written, as several suites have them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from rnn_vs_attn import units
from rnn_vs_attn.records.types import AxisValue
from rnn_vs_attn.report.tables import Column

FORWARD: dict[str, AxisValue] = {"pass": "forward"}
TRAIN: dict[str, AxisValue] = {"pass": "train"}
PREFILL: dict[str, AxisValue] = {"pass": "prefill"}
STEP: dict[str, AxisValue] = {"pass": "step"}


def time(title: str, metric: str, pass_axes: Mapping[str, AxisValue] | None = None) -> Column:
    """Milliseconds, with the interval in percent. pass_axes: of what says whether launches bound it."""
    return Column(title, metric, units.milliseconds, interval="percent", precise=True, pass_axes=pass_axes)


def count(value: float) -> str:
    """1793; "–" where there is no end of it."""
    return f"{value:.0f}" if math.isfinite(value) else "–"


def whole(value: float) -> str:
    """124,439,808."""
    return f"{value:,.0f}"


def millions(value: float) -> str:
    """A count as publications write it: 1.17e8 -> "117 M"."""
    return f"{value / 1e6:,.0f} M"


def kibibytes(value: float) -> str:
    return units.significant(value / 1024)


def ratio(value: float) -> str:
    """A ratio that has an interval: 0.107, 1.02, 1,030."""
    return f"{value:,.0f}" if value >= 1000 else units.significant(value)


def factor(value: float) -> str:
    """A ratio that is exact, with one digit more about 1: 0.107, 1.004, 1,030."""
    return units.significant(value, 4) if 0.9 <= value < 10 else ratio(value)


_SIZES = (
    Column("parameters", "num_params", whole),
    Column("published", "published_params", millions),
    Column("weights MiB", "weights_size", units.mebibytes),
    Column("FLOPs a token", "flops_per_token", units.scaled),
    time("forward ms", "forward_time", FORWARD),
    time("train ms", "train_time", TRAIN),
    time("forward call ms", "forward_call_time"),  # of runs of schema 1: calls without a warm-up
    time("train call ms", "train_call_time"),
    Column("forward MiB", "peak_memory", units.mebibytes, FORWARD),
    Column("train MiB", "peak_memory", units.mebibytes, TRAIN),
)


def of_sizes(*main: str) -> tuple[Column, ...]:
    """What there is of every size; all but those named are spare."""
    return tuple(replace(column, spare=column.title not in main) for column in _SIZES)
