"""What became of each model of `lm`, read out of the records of its trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

from rnn_vs_attn.records.query import Group, measured, record_at, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.suites.learning_rates import RATE
from rnn_vs_attn.suites.lm.case import WITH_MEMORY
from rnn_vs_attn.suites.training_words import of_seeds

BITS = "bits_per_byte"
_OF_MODEL = ("model", "memory_len", "steps")  # in which rivals differ, beside their learning rates


@dataclass(frozen=True)
class Point:
    """A training after some steps: tokens that it learnt, seconds that this took, bits a byte of the held-out text."""

    tokens: float
    seconds: float
    bits: float


@dataclass(frozen=True)
class Outcome:
    """axes: all but the learning rate. rate: the best one, by the last evaluation of the first seed. rates: all that it
    was given. untried: those of which nobody knows what they would have come to, as their training was not reached or
    was ended from outside. lost: seeds at the best rate that came to no end. seeds: those that did, with the bits of
    each at its end, and its curve.
    """

    axes: dict[str, Any]
    rate: float
    rates: tuple[float, ...]
    untried: int
    lost: int
    seeds: tuple[int, ...]
    bits: tuple[float, ...]
    curves: tuple[tuple[Point, ...], ...]

    @property
    def model(self) -> str:
        return model_of(self.axes)

    @property
    def endless(self) -> int:
        """Trainings that came to no end, though nobody knows that they would have been worse."""
        return self.untried + self.lost

    @property
    def group(self) -> Group:
        """What its rivals have in common."""
        return without(self.axes, *_OF_MODEL)

    @property
    def at_best(self) -> dict[str, Any]:
        """The axes of its trainings at the best rate."""
        return {**self.axes, RATE: self.rate}

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is the lowest or the highest of several; one that diverged is beyond the edge."""
        return len(self.rates) > 1 and self.rate in (min(self.rates), max(self.rates))

    @cached_property
    def tokens(self) -> float:
        """That each training learnt of."""
        return self.curves[0][-1].tokens

    @cached_property
    def seconds(self) -> float:
        """Of a training, the median over seeds."""
        return median(curve[-1].seconds for curve in self.curves)

    def after_tokens(self, tokens: float) -> list[float]:
        """Bits a byte of each seed then, on a straight line between two evaluations."""
        return [_at([(p.tokens, p.bits) for p in curve], tokens) for curve in self.curves]

    def after_seconds(self, seconds: float) -> list[float]:
        """The same by time; of a seed that was faster than that, its end."""
        return [_at([(p.seconds, p.bits) for p in curve], seconds) for curve in self.curves]


def _at(points: Sequence[tuple[float, float]], x: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def model_of(axes: Mapping[str, Any]) -> str:
    """The name of a case's model, with the length of its memory where it has one."""
    name = str(axes["model"])
    return f"{name} (memory {axes['memory_len']})" if name == WITH_MEMORY else name


def differing(own: Group, others: Sequence[Group]) -> str:
    """What tells one group from others: "seq_len 64 d_model 32", "" where nothing does."""
    every = [dict(other) for other in others]
    return " ".join(f"{name} {value}" for name, value in own if any(other[name] != value for other in every))


def named(found: Sequence[Outcome], outcome: Outcome) -> str:
    """Its model, with what tells it apart from others of that name."""
    alike = [other.group for other in found if other.model == outcome.model]
    return f"{outcome.model} {differing(outcome.group, alike)}".rstrip()


def scores(bits: Sequence[float]) -> str:
    """Of every seed, or the median with its interval."""
    return of_seeds(bits, "{:.3f}".format)


def outcomes(records: Sequence[Record]) -> list[Outcome]:
    """Of each model that has a training at its end, the lowest loss first."""
    groups: dict[Group, list[Record]] = {}
    for record in records:
        if record.metric == BITS:
            groups.setdefault(without(record.axes, RATE), []).append(record)
    found = [_outcome(records, dict(group), of_rates) for group, of_rates in groups.items()]
    return sorted((each for each in found if each is not None), key=lambda each: median(each.bits))


def first_bits(records: Sequence[Record], axes: Mapping[str, AxisValue]) -> float | None:
    """Of a case's first seed."""
    record = record_at(records, BITS, axes)
    return _of(record, 0)


def _outcome(records: Sequence[Record], axes: dict[str, Any], of_rates: Sequence[Record]) -> Outcome | None:
    curves = [_curves(records, record) for record in of_rates]
    ended = [i for i, of_rate in enumerate(curves) if 0 in of_rate]
    if not ended:
        return None
    best = min(ended, key=lambda i: of_rates[i].samples[0] or 0.0)
    record, found = of_rates[best], curves[best]
    return Outcome(
        axes=axes,
        rate=_rate(record),
        rates=tuple(sorted(map(_rate, of_rates))),
        untried=sum(i not in ended and each.status != "failed" for i, each in enumerate(of_rates)),
        lost=int(record.status != "ok"),
        seeds=tuple(found),
        bits=tuple(record.samples[seed] or 0.0 for seed in found),
        curves=tuple(found.values()),
    )


def _rate(record: Record) -> float:
    return float(record.axes[RATE] or 0)


def _curves(records: Sequence[Record], ends: Record) -> dict[int, tuple[Point, ...]]:
    """Of each seed that came to its end, in order of its steps; a run may have been cut off between two samples."""
    axes: dict[str, Any] = ends.axes
    bits, seconds = ({_step(r): r for r in measured(records, name, **axes)} for name in ("curve_bits", "curve_seconds"))
    tokens = int(axes["batch_size"]) * int(axes["seq_len"])
    found = {}
    for seed in range(len(ends.samples)):
        reached = {n: (_of(seconds.get(n), seed) if n else 0.0, _of(bits[n], seed)) for n in sorted(bits)}
        curve = [Point(n * tokens, s, b) for n, (s, b) in reached.items() if s is not None and b is not None]
        if ends.samples[seed] is not None and curve and curve[-1].tokens == int(axes["steps"]) * tokens:
            found[seed] = tuple(curve)
    return found


def _step(record: Record) -> int:
    return int(record.axes["step"] or 0)


def _of(record: Record | None, seed: int) -> float | None:
    return record.samples[seed] if record is not None and seed < len(record.samples) else None


def by_seed(records: Sequence[Record], metric: str, outcome: Outcome, **axes: AxisValue) -> dict[int, float]:
    """A metric at the best rate, of the seeds that have it."""
    record = record_at(records, metric, {**outcome.at_best, **axes})
    return {} if record is None else {i: value for i, value in enumerate(record.samples) if value is not None}
