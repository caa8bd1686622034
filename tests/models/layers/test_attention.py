"""Attention against torch's and against the one that is written out."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import SHAPE, layer
from torch import nn

from rnn_vs_attn.models.build import call
from rnn_vs_attn.models.costs import KINDS_OF_POSITIONS
from rnn_vs_attn.models.layers.attention import Attention, GroupedQueryAttention, NaiveAttention
from rnn_vs_attn.models.registry import find


def assert_same_with_gradients(a: nn.Module, b: nn.Module, x: torch.Tensor, atol: float = 1e-12) -> None:
    """Outputs and gradients of the input agree."""
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [module(i) for module, i in zip((a, b), inputs, strict=True)]
    gradient = torch.randn_like(x)
    for output in outputs:
        output.backward(gradient)
    assert (outputs[0] - outputs[1]).abs().max() < atol
    assert (inputs[0].grad - inputs[1].grad).abs().max() < atol


@pytest.mark.parametrize("causal", [True, False])
def test_attention_equals_attention_naive_with_the_same_weights(causal: bool) -> None:
    fused, naive = Attention(24, 4, causal).double(), NaiveAttention(24, 4, causal).double()
    naive.load_state_dict(fused.state_dict())
    assert_same_with_gradients(fused, naive, torch.randn(2, 13, 24, dtype=torch.float64))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", ["attention", "attention-naive"])
def test_attention_equals_torchs_multihead_attention(name: str, causal: bool) -> None:
    shape = dataclasses.replace(SHAPE, num_layers=1, causal=causal)
    module, x = layer(find(name), shape)
    theirs = nn.MultiheadAttention(24, 4, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": module.in_proj.weight,
            "in_proj_bias": module.in_proj.bias,
            "out_proj.weight": module.out_proj.weight,
            "out_proj.bias": module.out_proj.bias,
        }
    )
    mask = torch.ones(13, 13, dtype=torch.bool).triu(1) if causal else None
    expected, weights = theirs(x, x, x, attn_mask=mask, need_weights=True, average_attn_weights=False)
    assert (call(module, x) - expected).abs().max() < 1e-12
    if name == "attention-naive":
        y, ours = module(x, return_weights=True)
        assert (ours - weights).abs().max() < 1e-12
        assert (y - expected).abs().max() < 1e-12


def test_naive_weights_are_a_distribution_over_the_past() -> None:
    module, x = layer(find("attention-naive"), dataclasses.replace(SHAPE, num_layers=1))
    _, weights = module(x, return_weights=True)
    assert torch.allclose(weights.sum(-1), torch.ones_like(weights[..., 0]))
    assert weights.triu(1).abs().max() == 0


def test_attention_that_sees_the_future_does_not_decode() -> None:
    with pytest.raises(ValueError, match="causal"):
        Attention(24, 4, causal=False).initial_state(1)


# Heads that share keys and values


def test_as_many_heads_of_keys_as_of_queries_are_attention() -> None:
    whole, grouped = Attention(24, 4).double(), GroupedQueryAttention(24, 4, 4).double()
    grouped.load_state_dict(whole.state_dict())
    assert_same_with_gradients(whole, grouped, torch.randn(2, 13, 24, dtype=torch.float64))


@pytest.mark.parametrize("positions", KINDS_OF_POSITIONS)
@pytest.mark.parametrize("num_kv_heads", [1, 2])
def test_shared_keys_are_attention_whose_heads_have_the_same_weights(num_kv_heads: int, positions: str) -> None:
    """Neighbouring heads share: of 4 over 2 the first two, and the last two."""
    grouped = GroupedQueryAttention(24, 4, num_kv_heads, positions=positions).double()
    whole = Attention(24, 4, positions=positions).double()
    weights = grouped.state_dict()
    for name in ("in_proj.weight", "in_proj.bias"):
        q, k, v = weights[name].split((24, 6 * num_kv_heads, 6 * num_kv_heads))
        repeated = (t.unflatten(0, (num_kv_heads, 6)).repeat_interleave(4 // num_kv_heads, 0) for t in (k, v))
        weights[name] = torch.cat([q, *(t.flatten(0, 1) for t in repeated)])
    whole.load_state_dict(weights)
    x = torch.randn(2, 13, 24, dtype=torch.float64)
    assert_same_with_gradients(whole, grouped, x)
    ours, theirs = (module.initial_state(2) for module in (grouped, whole))
    with torch.no_grad():
        for x_t in x.unbind(1):
            assert (grouped.step(x_t, ours)[0] - whole.step(x_t, theirs)[0]).abs().max() < 1e-12
    assert ours.nbytes * 4 == theirs.nbytes * num_kv_heads


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="num_heads 4 is not divisible by num_kv_heads 3"):
        GroupedQueryAttention(24, 4, 3)
