"""Weights have the names of the layer that they are in, however it is called."""

from __future__ import annotations

import copy

import foreign_layers as layers
import pytest
import torch
from torch import nn

from rnn_vs_attn.models.foreign import layer_weights
from rnn_vs_attn.models.foreign.calling import Fitted, FittedWithState, fitted

D = 8


@pytest.mark.parametrize(
    ("kind", "around"), [(layers.TakesHx, FittedWithState), (layers.KeywordsOnly, Fitted)], ids=lambda k: k.__name__
)
@pytest.mark.parametrize("depth", [0, 2])
def test_a_layer_that_is_called_by_a_module_has_its_own_names(
    kind: type[nn.Module], around: type[nn.Module], depth: int
) -> None:
    plain, wrapped = kind(D), fitted(kind(D), D)
    assert type(wrapped) is around
    first, second = plain, wrapped
    if depth:
        first, second = (nn.Sequential(*(copy.deepcopy(each) for _ in range(depth))) for each in (plain, wrapped))
    assert list(layer_weights.of(second)) == list(first.state_dict())
    layer_weights.give(second, first.state_dict())
    found, expected = layer_weights.of(second), first.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_part_of_a_layer_that_is_called_module_keeps_its_name() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(D, D)

    assert list(layer_weights.of(Inner())) == ["module.weight", "module.bias"]


def test_weights_that_are_not_all_there_are_refused() -> None:
    wrapped = fitted(layers.TakesHx(D), D)
    weights = layer_weights.of(wrapped)
    del weights[next(iter(weights))]
    with pytest.raises(RuntimeError, match="Missing key"):
        layer_weights.give(wrapped, weights)
