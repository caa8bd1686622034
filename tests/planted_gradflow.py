"""Records of `gradflow` with planted norms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fakes import of_rounds

from rnn_vs_attn.records.build import build_record
from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record, SampleLine
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.gradflow import remarks
from rnn_vs_attn.suites.gradflow.analysis import derive
from rnn_vs_attn.suites.gradflow.case import GradflowCase
from rnn_vs_attn.suites.gradflow.claims import VANISH, claims
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW

DISTANCES = [1, 2, 4, 8, 16, 32, 64, 127]


def record(
    model: str, metric: str, values: Sequence[float | None], added: Mapping[str, Any] | None = None, **case: Any
) -> Record:
    axes = axes_of(GradflowCase(model=model, seq_len=128, device="cpu", threads=1, **case)) | dict(added or {})
    return of_rounds(GRADFLOW.metric(metric, axes), axes, dict(enumerate(values)))


def norms(
    model: str, law: Callable[[float], float], rounds: int = 6, distances: Sequence[int] = DISTANCES, **case: Any
) -> list[Record]:
    """log10 of the norm at each distance, a little apart between rounds."""
    return [
        record(model, "gradient_norm_log10", [law(k) + 0.01 * r for r in range(rounds)], {"distance": k}, **case)
        for k in (0, *distances)
    ]


def nothing(model: str, distance: int, *values: float | None) -> Record:
    """The norm at one distance, None for a round in which it is exactly 0; six such rounds where none is given."""
    axes = record(model, "gradient_norm_log10", [0.0], {"distance": distance}).axes
    rounds = enumerate(values or [None] * 6)
    lines = [SampleLine("gradflow", axes, "gradient_norm_log10", r, v, zero=v is None) for r, v in rounds]
    return build_record(GRADFLOW.metric("gradient_norm_log10", axes), lines)


def by_round(model: str, laws: Sequence[Callable[[float], float]]) -> list[Record]:
    """A law of its own in every round."""
    return [record(model, "gradient_norm_log10", [law(k) for law in laws], {"distance": k}) for k in DISTANCES]


def exponential(factor: float) -> Callable[[float], float]:
    return lambda k: k * math.log10(factor)


def power(exponent: float) -> Callable[[float], float]:
    return lambda k: exponent * math.log10(max(k, 1))


# Laws


def absent(model: str, distance: int) -> Record:
    """The norm at one distance, absent in all of six rounds."""
    axes = record(model, "gradient_norm_log10", [0.0], {"distance": distance}).axes
    lines = [SampleLine("gradflow", axes, "gradient_norm_log10", r, None) for r in range(6)]
    return build_record(GRADFLOW.metric("gradient_norm_log10", axes), lines)


# Words


def said(records: Sequence[Record], *extra: Record) -> str:
    return "\n".join(remarks.remarks([*records, *derive(records), *extra]))


# Claims


def found(records: Sequence[Record]) -> list[Claim]:
    """What a run of these records claims."""
    return claims([*records, *derive(records)])


def claim(records: Sequence[Record], model: str, key: str = VANISH) -> Claim:
    """The one claim of that key about a model."""
    (one,) = (c for c in found(records) if c.key == key and c.axes["model"] == model)
    return one
