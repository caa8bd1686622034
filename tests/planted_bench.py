"""Records of `bench` with planted times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fakes import bench_record

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.bench.analysis import derive, expand
from rnn_vs_attn.suites.bench.claims import claims
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


def swapped(crossing: float) -> Callable[[str, int], float]:
    """The same, with the times of the two models exchanged."""
    exact, other = planted(crossing), {"lstm": "attention", "attention": "lstm"}
    return lambda model, length: exact(other[model], length)


def forward(records: Sequence[Record]) -> list[Record]:
    """The same times as those of the forward pass."""
    return [replace(record, metric="forward_time") for record in records]


def said(records: Sequence[Record], beginning: str) -> str:
    """The one remark that begins so."""
    (found,) = (line for line in remarks([*records, *derive(records)]) if line.startswith(beginning))
    return found


def found(records: Sequence[Record]) -> list[Claim]:
    """What a run of these records claims, out of what it stores and what it shows."""
    stored = [*records, *derive(records)]
    return claims([*stored, *expand(stored)])


def claim(records: Sequence[Record], key: str, **axes: Any) -> Claim:
    """The one claim of that key at these axes."""
    (one,) = (c for c in found(records) if c.key == key and axes.items() <= c.axes.items())
    return one


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


def memory(exponent: float, rounds: Sequence[float] = STEADY, model: str = "attention", **case: Any) -> list[Record]:
    return [
        bench_record(
            "peak_memory", model, n, [4 * MIB * (n / 256) ** exponent * r for r in rounds], {"pass": "train"}, **case
        )
        for n in LENGTHS
    ]


def flops(amounts: dict[str, float]) -> list[Record]:
    """Operations a training pass of each model, the same at all lengths."""
    train = {"pass": "train"}
    return [bench_record("flops", model, n, [amount], train) for model, amount in amounts.items() for n in LENGTHS]


def launched(model: str, length: int) -> Record:
    """That the training pass of a model took what the host's launches took."""
    return bench_record("launch_bound", model, length, [1.0] * 6, {"pass": "train"})
