"""Which records of `scaling` something is read out of: curves over one axis, a model's own, their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnn_vs_attn.models.registry import recorded
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.suites.scaling import rules

TIMES = ("forward_time", "train_time")
PASSES = ("forward", "train")


def spec_of(record: Record) -> ModelSpec:
    return recorded(str(record.axes["model"]))


def alone(records: Sequence[Record], metric: str, part: str, **axes: Any) -> list[Record]:
    """Records of a part with the fewest threads."""
    found = measured(records, metric, part=part, **axes)
    fewest = min((size(r, "threads") for r in found), default=0)
    return [r for r in found if size(r, "threads") == fewest]


def size(record: Record, axis: str) -> int:
    """The value of an axis of numbers; 0 where it is absent."""
    return int(record.axes[axis] or 0)


def along(records: Sequence[Record], axis: str) -> list[list[Record]]:
    """Curves over one axis, the other one fixed: widths at the longest length, lengths at the middle width."""
    other = "d_model" if axis == "seq_len" else "seq_len"
    values = sorted({size(r, other) for r in records})
    if not values:
        return []
    at = values[len(values) // 2] if other == "d_model" else values[-1]
    groups: dict[Group, list[Record]] = {}
    for record in records:
        if size(record, other) == at:
            groups.setdefault(without(record.axes, axis), []).append(record)
    return [sorted(curve, key=lambda r: size(r, axis)) for curve in groups.values()]


def sort_key(records: Sequence[Record]) -> Callable[[str], int]:
    """Models in the order of the table's rows, then in that of the records."""
    order = [row.layer_type for row in rules.ROWS]
    names = list(dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes))

    def key(model: str) -> int:
        kind = recorded(model).layer_type
        return (order.index(kind) if kind in order else len(order)) * len(names) + names.index(model)

    return key


def models_of(records: Sequence[Record]) -> list[str]:
    """Models in the order of the table's rows."""
    names = dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes)
    return sorted(names, key=sort_key(records))


def said_of_launches(mine: Sequence[Record], part: str) -> str:
    """What a claim about times of a part says where some are the host's, which launches kernels too slowly; else ""."""
    bound = any(r.metric == LAUNCH_BOUND and r.holds and r.axes["part"] == part for r in mine)
    return "some of these times are those of the host's launches, not of the GPU" if bound else ""
