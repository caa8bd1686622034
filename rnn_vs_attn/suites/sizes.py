"""Sizes of models of token ids as they are defined: counted beside those that are measured, and published figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rnn_vs_attn.models.shapes import AlbertShape, GPTShape
from rnn_vs_attn.records.query import derived, measured
from rnn_vs_attn.records.types import Axes, Metric, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.case import ITEMSIZE, Case, axes_of
from rnn_vs_attn.suites.metrics import FLOPS_PER_TOKEN, NUM_PARAMS, WEIGHTS_SIZE

_PUBLISHED = Metric("published_params", "1", "none", exact=True)


def counts(shape: AlbertShape | GPTShape, case: Case) -> dict[Metric, float]:
    """What is counted from the definition of a size."""
    return {
        NUM_PARAMS: shape.num_params,
        FLOPS_PER_TOKEN: shape.forward_flops(case.batch_size, case.seq_len) / (case.batch_size * case.seq_len),
        WEIGHTS_SIZE: shape.num_params * ITEMSIZE[case.dtype],
    }


def least_memory(num_params: int, case: Case) -> int:
    """Bytes of the weights and of their gradients, which a training pass cannot do without."""
    return 2 * num_params * ITEMSIZE[case.dtype]


def exact(metric: Metric, suite: str, axes: Axes, value: float, **details: Any) -> Record:
    """A record of what was counted and not measured."""
    return derived(metric, suite, dict(axes), [value], intervals.estimate([value], exact=True), **details)


def counted(
    records: Sequence[Record],
    case: type[Case],
    sizes: Sequence[str],
    complete: Callable[[Any], Any],
    values: Callable[[Any], Mapping[Metric, float]],
) -> list[Record]:
    """Records of sizes that this run does not measure, at the other settings of its first case."""
    first = next((r for r in records if "size" in r.axes), None)
    if first is None:
        return []
    fields: dict[str, Any] = {field.name: first.axes[field.name] for field in dataclasses.fields(case)}
    found, known = [], {r.axes["size"] for r in measured(records, NUM_PARAMS.name)}
    for size in (size for size in sizes if size not in known):
        made = complete(case(**(fields | {"size": size})))
        found += [exact(metric, first.suite, axes_of(made), value) for metric, value in values(made).items()]
    return found


def published(records: Sequence[Record], figures: Mapping[str, float]) -> list[Record]:
    """The publication's own count beside each size of this run, for the table."""
    found = []
    for record in measured(records, "num_params"):
        figure = figures.get(str(record.axes.get("size")))
        if figure is not None:
            found.append(exact(_PUBLISHED, record.suite, record.axes, figure))
    return found
