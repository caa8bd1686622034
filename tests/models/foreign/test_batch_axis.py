"""The batch is the axis across which outputs are independent; where that cannot be seen, it is asked for."""

from __future__ import annotations

import foreign_layers as layers
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure.conduct import batch_independence
from rnn_vs_attn.models.foreign.calling import fitted

D = 8


@pytest.mark.parametrize("kind", [layers.SequenceFirst, layers.BehindAClosedGate])
def test_time_never_runs_over_the_batch(kind: type[nn.Module]) -> None:
    made = fitted(kind(D), D)
    found = batch_independence.of(made.eval(), 4, 32, D)
    assert not found.runs_over_it
    assert not found.mixes


@pytest.mark.parametrize(("kind", "why"), [(layers.MixesAll, "both axes"), (layers.AddsPlace, "no output depends")])
def test_where_it_cannot_be_told_it_is_asked_for(kind: type[nn.Module], why: str) -> None:
    with pytest.raises(UserError, match=f"{why}.*--model-arg batch_first=True"):
        fitted(kind(D), D)


def test_what_the_user_says_is_done() -> None:
    module, x = layers.AddsPlace(D), torch.randn(2, 5, D)
    assert_close(fitted(module, D, batch_first=True)(x), module(x))
    assert_close(fitted(module, D, batch_first=False)(x), module(x.transpose(0, 1)).transpose(0, 1))


def test_a_layer_on_each_position_alone_is_the_same_either_way() -> None:
    module, x = nn.Linear(D, D), torch.randn(2, 5, D)
    assert_close(fitted(module, D)(x), module(x))
