"""Heads that a class would refuse follow from the rest, or are left to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import foreign
import pytest

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign.arguments import filled

SHAPE = Shape(2, 64, 128, 4, 1, causal=True)


@dataclasses.dataclass
class ExpandedConfig:
    """Its heads share a width that is a multiple of the model's."""

    hidden_size: int = 4096
    num_heads: int = 128
    head_dim: int = 64
    expand: int = 2

    def __post_init__(self) -> None:
        if self.num_heads * self.head_dim != self.expand * self.hidden_size:
            raise ValueError("the heads do not make up the width within")


class Expanded(foreign.Keeps):
    def __init__(self, config: ExpandedConfig) -> None:
        super().__init__(config.hidden_size, config=config)


@dataclasses.dataclass
class DerivedConfig:
    """It takes no heads but those that follow, and derives a width from another."""

    embedding_dim: int = -1
    hidden_size: int = -1
    num_heads: int | None = None
    head_dim: int = 8

    def __post_init__(self) -> None:
        if self.num_heads is not None or self.head_dim != 8:
            raise ValueError("the heads are not to be given")
        self.hidden_size = self.embedding_dim


class Derived(foreign.Keeps):
    def __init__(self, config: DerivedConfig) -> None:
        super().__init__(config.embedding_dim, config=config)


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        (Expanded, {}, "Expanded(config=ExpandedConfig(hidden_size=128, num_heads=4, head_dim=64))"),
        (Expanded, {"expand": 4}, "config=ExpandedConfig(hidden_size=128, num_heads=4, head_dim=128, expand"),
        (Expanded, {"head_dim": 32}, "ExpandedConfig(hidden_size=128, num_heads=8, head_dim=32"),
        (Derived, {}, "Derived(config=DerivedConfig(embedding_dim=128))"),
    ],
)
def test_heads_that_a_configuration_class_refuses_are_left_to_it(target: Any, given: dict[str, Any], said: str) -> None:
    """The number of heads times their width is the width within, as the class demands."""
    call = filled(target, SHAPE, given)
    assert said in str(call)
    call.make()


@pytest.mark.parametrize(("given", "groups"), [({}, 2), ({"num_heads": 6}, 6), ({"n_groups": 3}, 3)])
def test_groups_of_heads_divide_them(given: dict[str, int], groups: int) -> None:
    def target(dim: int, num_heads: int = 12, n_groups: int = 6) -> dict[str, int]:
        return {"dim": dim, "num_heads": num_heads, "n_groups": n_groups}

    assert filled(target, SHAPE, given).make()["n_groups"] == groups
