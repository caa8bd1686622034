"""Records of `lm` with planted outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fakes import of_rounds

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.lm import remarks
from rnn_vs_attn.suites.lm.analysis import derive
from rnn_vs_attn.suites.lm.case import LmCase, complete
from rnn_vs_attn.suites.lm.claims import claims
from rnn_vs_attn.suites.lm.suite import LM

STEPS, TOKENS = 400, 32  # of each training, and of a step
RATES = (3e-3, 1e-2, 3e-2)
START = 8.0  # bits a byte before the first step
TEXT = "book.txt@0123456789ab"
Values = Sequence[float | None]


def case(model: str, rate: float = RATES[1], **fields: Any) -> LmCase:
    """A case as a run has it."""
    given = {"seq_len": 16, "batch_size": 2, "steps": STEPS, "device": "cpu", "threads": 1, "text": TEXT} | fields
    return complete(LmCase(model=model, learning_rate=rate, **given))


def record(
    model: str,
    metric: str,
    values: Values,
    added: Mapping[str, Any] | None = None,
    rate: float = RATES[1],
    details: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Record:
    """One record, a value a seed, None where that seed has no line."""
    axes = axes_of(case(model, rate, **fields)) | dict(added or {})
    made = of_rounds(LM.metric(metric, axes), axes, {i: value for i, value in enumerate(values) if value is not None})
    return replace(made, suite="lm", details=dict(details or {}))


def trained(
    model: str,
    bits: Values,
    /,
    rate: float = RATES[1],
    seconds: float | Sequence[float] = 40.0,
    middle: Values | None = None,
    **fields: Any,
) -> list[Record]:
    """Trainings at one rate. bits: that each seed comes to, None where it came to no end; seconds: that it takes;
    middle: its bits after half of its steps, without them half of the way down.
    """
    steps = int(fields.get("steps", STEPS))
    ends = [float(seconds)] * len(bits) if isinstance(seconds, int | float) else list(seconds)
    half = middle or [None if end is None else (START + end) / 2 for end in bits]
    curve = {0: [None if end is None else START for end in bits], steps // 2: half, steps: bits}
    times: dict[int, Values] = {
        n: [None if end is None else took * n / steps for took, end in zip(ends, bits, strict=True)]
        for n in (steps // 2, steps)
    }
    whole = record(model, "bits_per_byte", bits, rate=rate, **fields)
    return [
        whole if None not in bits else replace(whole, status="failed", error="NaN"),
        *(record(model, "curve_bits", values, {"step": n}, rate, **fields) for n, values in curve.items()),
        *(record(model, "curve_seconds", values, {"step": n}, rate, **fields) for n, values in times.items()),
        record(model, "tokens_per_second", [steps * TOKENS / took for took in ends], rate=rate, **fields),
        record(model, "num_params", [1234.0] * len(bits), rate=rate, **fields),
    ]


def grid(model: str, bits: Values, /, others: Values = (9.0, 9.0), **fields: Any) -> list[Record]:
    """Trainings at all rates: at the middle one a seed each, at the others the first seed alone; None diverged."""
    beside: list[Record] = []
    for rate, end in zip((RATES[0], RATES[2]), others, strict=True):
        beside += [failed(model, rate, **fields)] if end is None else trained(model, [end], rate, **fields)
    return [*beside, *trained(model, bits, **fields)]


def failed(model: str, rate: float = RATES[2], status: str = "failed", error: str = "NaN", **fields: Any) -> Record:
    """A training that came to no end."""
    of_none = record(model, "bits_per_byte", [0.0], rate=rate, **fields)
    return replace(of_none, status=status, error=error, samples=[], median=None)


def contexts(
    model: str,
    bits: Mapping[int, Values],
    /,
    sees: int | None = None,
    nats: Mapping[int, Sequence[Sequence[float]]] | None = None,
    **fields: Any,
) -> list[Record]:
    """bits: of each seed after so many tokens. nats: of each context the losses of targets, a list a seed."""
    found = []
    for context, values in bits.items():
        losses = {f"nats_{seed}": list(each) for seed, each in enumerate((nats or {}).get(context, ()))}
        details = {"sees": context if sees is None else min(sees, context)} | losses
        found.append(record(model, "bits_at_context", values, {"context": context}, details=details, **fields))
    return found


def said(records: Sequence[Record]) -> list[str]:
    """The lines under a run's table."""
    return remarks.remarks([*records, *derive(records)])


def claimed(records: Sequence[Record]) -> list[Claim]:
    """What a run found."""
    return claims([*records, *derive(records)])
