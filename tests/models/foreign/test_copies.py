"""Layers that hold what Python does not copy are copied all the same; what they compute with is their own."""

from __future__ import annotations

import math
import threading

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.models.foreign.calling import fitted
from rnn_vs_attn.models.foreign.copies import copy_of

D = 8


class HoldsAStaticMethod(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.rotated = staticmethod(torch.neg)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.rotated(self.inner(x))


class HoldsAModuleOfPython(nn.Linear):
    def __init__(self, width: int) -> None:
        super().__init__(width, width)
        self.found = {"by": [math]}


class HoldsALock(nn.Linear):
    def __init__(self, width: int) -> None:
        super().__init__(width, width)
        self.lock = threading.Lock()


@pytest.mark.parametrize("kind", [HoldsAStaticMethod, HoldsAModuleOfPython])
def test_what_cannot_be_copied_and_never_changes_is_shared(kind: type[nn.Module]) -> None:
    """A layer with a rotary table that holds a static method was refused: no copy of it can be made to be tried."""
    module = kind(D)
    made = copy_of(nn.Sequential(module))
    x = torch.randn(2, 3, D)
    assert torch.equal(made(x), module(x))
    for mine, theirs in zip(made.parameters(), module.parameters(), strict=True):
        assert mine is not theirs
        assert torch.equal(mine, theirs)


def test_such_a_layer_is_called_with_its_own_weights_left_alone() -> None:
    module = HoldsAStaticMethod(D)
    x = torch.randn(2, 3, D)
    assert torch.equal(fitted(module, D)(x), -module.inner(x))


def test_anything_else_is_not_shared() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        copy_of(HoldsALock(D))
