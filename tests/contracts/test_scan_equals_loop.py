"""A loop over positions and all of them at once agree with all gradients, for every model of the registry that steps.

At once: by a scan, by convolutions or by attention, by the kernels that are timed.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import LANGUAGE, LAYERS, layer, of_tokens, outputs
from torch import Tensor, nn

from rnn_vs_attn.models.build import build, call
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import advance, initial_state
from rnn_vs_attn.models.registry import PYTHON_LOOPS, find
from rnn_vs_attn.models.spec import ModelSpec

SHAPE = Shape(2, 37, 8, 2, 2, kernel_size=3, window=5)


def gradients(module: nn.Module, y: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    """Of the input and of all parameters, under a fixed random gradient of the output."""
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(7), dtype=y.dtype)
    return torch.autograd.grad(y, (x, *module.parameters()), grad)


def steps(module: nn.Module, x: Tensor) -> Tensor:
    state, found = initial_state(module, len(x)), []
    for x_t in x.unbind(1):
        y_t, state = module.step(x_t, state)
        found.append(y_t)
    return torch.stack(found, 1)


def prefixes(module: nn.Module, x: Tensor) -> Tensor:
    """Each position after what comes before it: a cache is written to in place, and no gradient goes through that."""
    return torch.stack([call(module, x[:, : t + 1])[:, -1] for t in range(x.shape[1])], 1)


@pytest.mark.long
@LAYERS
@pytest.mark.parametrize("length", [1, 8, 37])
def test_a_loop_over_positions_is_the_whole_with_all_gradients(spec: ModelSpec, length: int) -> None:
    module, x = layer(spec, dataclasses.replace(SHAPE, seq_len=length))
    x.requires_grad_()
    whole, loop = call(module, x), (prefixes if spec.uses_heads else steps)(module, x)
    torch.testing.assert_close(whole, loop, rtol=1e-9, atol=1e-9)
    for mine, theirs in zip(gradients(module, whole, x), gradients(module, loop, x), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.long
@LAYERS
@pytest.mark.parametrize("cut", [1, 8, 13, 36])
def test_a_sequence_in_two_pieces_is_the_whole(spec: ModelSpec, cut: int) -> None:
    module, x = layer(spec, SHAPE)
    with torch.no_grad():
        first, state = advance(module, x[:, :cut], initial_state(module, 2))
        second, state = advance(module, x[:, cut:], state)
        torch.testing.assert_close(torch.cat([first, second], 1), module(x), rtol=1e-10, atol=1e-10)


@LANGUAGE
@pytest.mark.parametrize("cut", [1, 8, 19])
def test_a_text_in_two_pieces_is_the_whole(spec: ModelSpec, cut: int) -> None:
    model, tokens = of_tokens(spec)
    with torch.no_grad():
        first, state = model.advance(tokens[:, :cut], model.initial_state(len(tokens)))
        second, state = model.advance(tokens[:, cut:], state)
        whole = outputs(model, tokens)
        torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("spec", PYTHON_LOOPS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_python_loop_equals_the_kernel_with_the_same_weights(spec: ModelSpec, num_layers: int) -> None:
    """LSTMCell's loop and torch's LSTM: the outputs and the gradients of the input."""
    shape = dataclasses.replace(SHAPE, num_layers=num_layers)
    loop, x = layer(spec, shape)
    kernel = build(find(spec.traits.loop_of), shape).double()
    loop.copy_weights(kernel)
    x.requires_grad_()
    found, expected = call(loop, x), call(kernel, x)
    assert (found - expected).abs().max() < 1e-12
    grad = torch.randn_like(x)
    (mine,), (theirs,) = (torch.autograd.grad(y, x, grad) for y in (found, expected))
    assert (mine - theirs).abs().max() < 1e-12
