"""Sizes of models of token ids as they are defined: counted beside those that are measured, and published figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rnn_vs_attn.models.shapes import AlbertShape, GPTShape
from rnn_vs_attn.records.query import Group, derived, measured, without
from rnn_vs_attn.records.types import Axes, AxisValue, Metric, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.case import ITEMSIZE, Case, axes_of, fixed, option
from rnn_vs_attn.suites.metrics import FLOPS_PER_TOKEN, NUM_PARAMS, WEIGHTS_SIZE

IMPLIED = ("d_model", "num_heads", "num_layers")  # axes that follow from the size
_PUBLISHED = Metric("published_params", "1", "none", exact=True)


@dataclass(frozen=True)
class SizedCase(Case):
    """A model of token ids at a size, from which its width, its heads and its layers follow."""

    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = fixed(GPTShape.d_model)  # until `complete`; ALBERT's is as wide and as deep
    num_heads: int = fixed(GPTShape.num_heads)
    num_layers: int = fixed(GPTShape.num_layers)
    threads: int = option(1, "CPU threads; 0 takes all usable cores.", minimum=0)
    size: str = fixed("")

    @property
    def label(self) -> str:
        return self.size

    @property
    def definition(self) -> AlbertShape | GPTShape:
        """The shape of the model at this size."""
        raise NotImplementedError


Sized = TypeVar("Sized", bound=SizedCase)


def complete(case: Sized) -> Sized:
    """The case with what follows from its size."""
    return dataclasses.replace(case, **{name: getattr(case.definition, name) for name in IMPLIED})


def counts(case: SizedCase) -> dict[Metric, float]:
    """What is counted from the definition of a size."""
    shape = case.definition
    return {
        NUM_PARAMS: shape.num_params,
        FLOPS_PER_TOKEN: shape.forward_flops(case.batch_size, case.seq_len) / (case.batch_size * case.seq_len),
        WEIGHTS_SIZE: shape.num_params * ITEMSIZE[case.dtype],
    }


def least_memory(case: SizedCase) -> int:
    """Bytes of the weights and of their gradients, which a training pass cannot do without."""
    return 2 * case.definition.num_params * ITEMSIZE[case.dtype]


def exact(metric: Metric, suite: str, axes: Axes, value: float, **details: Any) -> Record:
    """A record of what was counted and not measured."""
    return derived(metric, suite, dict(axes), [value], intervals.estimate([value], exact=True), **details)


def counted(records: Sequence[Record], case: type[SizedCase], sizes: Iterable[str]) -> list[Record]:
    """Records of sizes that this run does not measure, at the other settings of its first case."""
    first = next((r for r in records if "size" in r.axes), None)
    if first is None:
        return []
    fields: dict[str, Any] = {field.name: first.axes[field.name] for field in dataclasses.fields(case)}
    found, known = [], {r.axes["size"] for r in measured(records, NUM_PARAMS.name)}
    for size in (size for size in sizes if size not in known):
        made = complete(case(**(fields | {"size": size})))
        found += [exact(metric, first.suite, axes_of(made), value) for metric, value in counts(made).items()]
    return found


def published(records: Sequence[Record], figures: Mapping[str, float]) -> list[Record]:
    """The publication's own count beside each size of this run, for the table."""
    found = []
    for record in measured(records, "num_params"):
        figure = figures.get(str(record.axes.get("size")))
        if figure is not None:
            found.append(exact(_PUBLISHED, record.suite, record.axes, figure))
    return found


def num_params(records: Sequence[Record]) -> dict[AxisValue, float]:
    """Of each size."""
    return {record.axes["size"]: record.median or 0.0 for record in measured(records, NUM_PARAMS.name)}


def curves(records: Iterable[Record], params: Mapping[AxisValue, float]) -> dict[Group, list[Record]]:
    """Records that differ in size only, from the fewest parameters on; the axes that they share as the key."""
    found: dict[Group, list[Record]] = {}
    for record in records:
        if record.axes["size"] in params:
            found.setdefault(without(record.axes, "size", *IMPLIED), []).append(record)
    return {group: sorted(curve, key=lambda record: params[record.axes["size"]]) for group, curve in found.items()}
