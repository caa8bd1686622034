"""Values of the types that a message has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from rnn_vs_attn.limits import Plan
from rnn_vs_attn.worker.typed_json import Misunderstood, read


@dataclass(frozen=True)
class Kinds:
    """One field of every sort that a message has."""

    text: str
    number: float
    count: int
    flag: bool
    inside: Plan | None
    many: tuple[Plan, ...]
    axes: dict[str, str | int | float | bool | None]


GOOD: dict[str, Any] = {
    "text": "a",
    "number": 1,
    "count": 1,
    "flag": True,
    "inside": None,
    "many": [{"loops": 1, "num_blocks": 2}],
    "axes": {"a": 1, "b": True, "c": None, "d": 0.5, "e": "x"},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 1),
        ("text", None),
        ("number", "1"),
        ("number", True),
        ("count", 1.0),
        ("count", True),
        ("flag", 1),
        ("inside", {"loops": 1}),
        ("inside", 3),
        ("many", None),
        ("many", {"loops": 1, "num_blocks": 2}),
        ("many", [{"loops": 1, "num_blocks": 2, "more": 3}]),
        ("axes", []),
        ("axes", {"a": [1]}),
    ],
)
def test_a_value_of_another_type_is_misunderstood(field: str, value: Any) -> None:
    assert read(Kinds, GOOD).many == (Plan(1, 2),)
    with pytest.raises(Misunderstood):
        read(Kinds, GOOD | {field: value})
