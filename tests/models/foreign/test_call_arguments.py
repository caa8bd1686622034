"""What a signature says that a forward is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.models.foreign.call_arguments import attempts, taken_for_none, unknown
from rnn_vs_attn.models.foreign.calling import fitted

D = 8


class Layer(nn.Module):
    head_dim = 4

    def __init__(self, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.forward = forward


@pytest.mark.parametrize(
    ("forward", "calls"),
    [
        (lambda x: x, ["forward(x)"]),
        (lambda query, key, value, need_weights=True: 0, ["forward(x, x, x, need_weights=False)"]),
        (lambda q, k, v: 0, ["forward(x, x, x)"]),
        (lambda *args, context=None, **kwargs: 0, ["forward(x)"]),
        (lambda hidden_states, attention_mask=None, cache_params=None: 0, ["forward(x)"]),
        (
            lambda hidden_states, attention_mask: 0,
            ["forward(x, attention_mask=None)", "forward(x, attention_mask=hides nothing)"],
        ),
        (lambda *, hidden_states, use_cache: 0, ["forward(hidden_states=x, use_cache=False)"]),
        (lambda x, pos: 0, ["forward(x, pos=0 to L - 1)"]),
        (
            lambda x, position_embeddings=None: 0,
            ["forward(x)", "forward(x, position_embeddings=rotary (cos, sin))"],
        ),
        (lambda x, temperature: 0, []),
    ],
)
def test_the_calls_that_are_tried(forward: Callable[..., Any], calls: list[str]) -> None:
    assert list(dict.fromkeys(map(str, attempts(Layer(forward), 8)))) == calls


def test_what_nothing_is_known_of_is_named() -> None:
    assert unknown(Layer(lambda x, temperature, mask, scale, *rest, on=False: 0)) == ["temperature", "scale"]


class GivesTheLastUnlessAsked(nn.GRU):
    def forward(self, x: Tensor, return_all_states: bool = False) -> Tensor:  # type: ignore[override]
        y, _ = super().forward(x)
        return y if return_all_states else y[:, -1]


def test_a_layer_that_gives_one_output_a_sequence_is_asked_for_all() -> None:
    module, x = GivesTheLastUnlessAsked(D, D, batch_first=True), torch.randn(2, 5, D)
    made = fitted(module, D)
    assert made.called == "forward(x, return_all_states=True)"  # type: ignore[union-attr]
    assert torch.equal(made(x), module(x, return_all_states=True))


def test_what_is_none_by_its_name_alone_is_known() -> None:
    def forward(x: Tensor, memory: Tensor, state: Tensor | None, scale: float, mask: Tensor | None = None) -> None: ...

    assert taken_for_none(Layer(forward)) == ["memory"]
