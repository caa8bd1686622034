"""Gradients are finite and reach every parameter, for every model of the registry."""

from __future__ import annotations

import torch
from registry_models import LAYERS, OF_TOKENS, layer, of_tokens, outputs
from torch import Tensor

from rnn_vs_attn.models.build import call
from rnn_vs_attn.models.spec import ModelSpec


def assert_arrived(*tensors: Tensor) -> None:
    for tensor in tensors:
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().max() > 0


@LAYERS
def test_gradients_are_finite_and_reach_all_parameters(spec: ModelSpec) -> None:
    module, x = layer(spec)
    x.requires_grad_()
    call(module, x).backward(torch.randn_like(x))
    assert_arrived(x, *module.parameters())


@OF_TOKENS
def test_gradients_of_models_of_tokens_are_finite_and_reach_all_parameters(spec: ModelSpec) -> None:
    """But those of an encoder's pooler, which makes one vector of a sequence and no output of a token."""
    module, tokens = of_tokens(spec)
    found = outputs(module, tokens)
    found.backward(torch.randn_like(found))
    assert_arrived(*(p for name, p in module.named_parameters() if p.numel() and not name.startswith("pooler.")))
