"""Records of `bench` with planted times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fakes import bench_record

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.bench.analysis import derive
from rnn_vs_attn.suites.bench.remarks import remarks

LENGTHS = (64, 128, 256, 512, 1024)
LINEAR = 1e-6  # seconds a token of the recurrence
MIB = 1 << 20
DRIFT = [1.0, 1.7, 0.6, 2.9, 1.2, 4.0]  # how slow the machine is in each round
STEADY = [1.0] * 6


def planted(crossing: float) -> Callable[[str, int], float]:
    """Seconds: c1 * L for a recurrence, c2 * L^1.5 for attention, equal at `crossing`."""

    def seconds(model: str, length: int) -> float:
        return LINEAR / math.sqrt(crossing) * length**1.5 if model == "attention" else LINEAR * length

    return seconds


def times(
    seconds: Callable[[str, int], float],
    rounds: Sequence[float] = DRIFT,
    models: Sequence[str] = ("lstm", "attention"),
    metric: str = "train_time",
    lengths: Sequence[int] = LENGTHS,
    **case: Any,
) -> list[Record]:
    """Times of models over lengths; every round is slower or faster as a whole."""
    return [
        bench_record(metric, model, length, [seconds(model, length) * r for r in rounds], **case)
        for model in models
        for length in lengths
    ]


def said(records: Sequence[Record], beginning: str) -> str:
    """The one remark that begins so."""
    (found,) = (line for line in remarks([*records, *derive(records)]) if line.startswith(beginning))
    return found


# Exponents and crossings


def failed(record: Record) -> Record:
    return replace(record, status="out_of_memory", error="too large", samples=[], median=None, low=None, high=None)


# What is said of crossings


def by_round(*crossings: float) -> list[Record]:
    """Rounds whose curves cross at different lengths."""
    curves = [planted(at) for at in crossings]
    return [
        bench_record("train_time", model, length, [curve(model, length) for curve in curves])
        for model in ("lstm", "attention")
        for length in LENGTHS
    ]


# Claims


def memory(exponent: float, rounds: Sequence[float] = STEADY) -> list[Record]:
    return [
        bench_record(
            "peak_memory", "attention", n, [4 * MIB * (n / 256) ** exponent * r for r in rounds], {"pass": "train"}
        )
        for n in LENGTHS
    ]
