"""A mask that a layer takes is of the form that it understands, whatever that is; equal to a softmax over the past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import foreign_layers as layers
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from rnn_vs_attn.models.foreign.calling import fitted, sees_the_future

D = 8


def over_the_past(module: layers.Attention, x: Tensor, window: int = 99) -> Tensor:
    """Attention position by position."""
    q, k, v = module.qkv(x).chunk(3, dim=-1)
    seen = [slice(max(0, t + 1 - window), t + 1) for t in range(x.shape[1])]
    found = [
        ((q[:, t : t + 1] @ k[:, here].transpose(1, 2)) / D**0.5).softmax(-1) @ v[:, here]
        for t, here in enumerate(seen)
    ]
    return torch.cat(found, dim=1)


READ: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "True is hidden": lambda scores, mask: scores.masked_fill(mask, -torch.inf),
    "True is seen": lambda scores, mask: scores.masked_fill(~mask, -torch.inf),
    "added": lambda scores, mask: scores + mask,
    "added, with heads": lambda scores, mask: (scores[:, None] + mask.expand(1, 1, -1, -1))[:, 0],
}


@pytest.mark.long
@pytest.mark.parametrize("form", READ)
def test_a_mask_of_any_form(form: str) -> None:
    module = layers.Attention(D, READ[form]).double()
    x = torch.randn(2, 7, D, dtype=torch.float64)
    assert_close(fitted(module, D)(x), over_the_past(module, x), rtol=0, atol=1e-12)
    assert_close(fitted(module, D, causal=False)(x), module(x), rtol=0, atol=0)


class OfBlocks(nn.Linear):
    """Sees the future among more than 32 positions, as attention that chooses among many of them does."""

    def forward(self, x: Tensor, mask: None = None) -> Tensor:
        y = super().forward(x)
        return y if x.shape[1] <= 32 else y + y.flip(1)


def test_a_layer_that_sees_the_future_of_long_sequences_only_says_so_there() -> None:
    """It passed for causal in a case of 64 positions, as 8 of them had been tried."""
    assert sees_the_future(fitted(OfBlocks(D, D), D, seq_len=64))
    assert not sees_the_future(fitted(OfBlocks(D, D), D, seq_len=16))


class Configured:
    sliding_window = 3


@pytest.mark.parametrize("form", ["True is hidden", "added, with heads"])
@pytest.mark.parametrize("by", ["itself", "its configuration"])
def test_a_layer_that_leaves_its_window_to_the_mask_gets_one(form: str, by: str) -> None:
    """A layer with a window of so many positions was measured as one that sees all of the past."""
    module = layers.Attention(D, READ[form]).double()
    if by == "itself":
        module.sliding_window = 3  # type: ignore[assignment]
    else:
        module.config = Configured()  # type: ignore[assignment]
    x, ours = torch.randn(2, 7, D, dtype=torch.float64), fitted(module, D)
    assert_close(ours(x), over_the_past(module, x, window=3), rtol=0, atol=1e-12)
    assert "causal over 3 positions" in ours.called  # type: ignore[operator]


def test_a_layer_that_says_it_has_no_window_has_none_whatever_its_configuration_says() -> None:
    module = layers.Attention(D, READ["added"]).double()
    module.config, module.sliding_window = Configured(), None  # type: ignore[assignment]
    x = torch.randn(2, 7, D, dtype=torch.float64)
    assert_close(fitted(module, D)(x), over_the_past(module, x), rtol=0, atol=1e-12)


def test_a_mask_that_is_not_heeded_is_not_given() -> None:
    module = layers.Attention(D, lambda scores, mask: scores)
    assert "attn_mask" not in fitted(module, D).called  # type: ignore[operator]


def test_a_layer_that_sees_the_future_and_takes_no_mask_says_so() -> None:
    deaf = layers.Attention(D, lambda scores, mask: scores)
    assert sees_the_future(fitted(deaf, D))
    assert not sees_the_future(fitted(deaf, D, causal=False))
    assert not sees_the_future(fitted(layers.Attention(D, READ["added"]), D))
    assert not sees_the_future(fitted(torch.nn.GRU(D, D), D))
