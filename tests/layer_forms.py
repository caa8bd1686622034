"""A recurrent layer in its three forms: all positions at once, its definition, and step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.states import tensors, with_tensors


def assert_forms_agree(module: nn.Module, x: Tensor, tolerance: float = 1e-9) -> None:
    """Outputs and the gradients of the input and of all parameters, finite."""
    from_nothing = module.initial_state(len(x))
    parallel = _with_gradients(module, x, module)
    for form in (module.sequential, lambda given: stepped(module, given, from_nothing)):
        for found, expected in zip(parallel, _with_gradients(module, x, form), strict=True):
            assert found.isfinite().all()
            torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def assert_gradients_of_the_state_agree(module: nn.Module, x: Tensor, tolerance: float = 1e-9) -> None:
    """Of the state before a sequence, through all positions at once and through steps."""
    empty = module.initial_state(len(x))
    before = [torch.randn_like(t, requires_grad=True) for t in tensors(empty)]
    at_once, _ = module.advance(x, with_tensors(empty, before))
    outputs = (at_once, stepped(module, x, with_tensors(empty, before)))
    found, expected = (torch.autograd.grad(y.square().sum(), before) for y in outputs)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.abs().max() > 0
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


def stepped(module: nn.Module, x: Tensor, state: Any) -> Tensor:
    """(B, L, D) one step after another."""
    found = []
    for x_t in x.unbind(1):
        y_t, state = module.step(x_t, state)
        found.append(y_t)
    return torch.stack(found, 1)


def _with_gradients(module: nn.Module, x: Tensor, form: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
    inputs = x.detach().clone().requires_grad_()
    y = form(inputs)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(y.dtype)
    return (y.detach(), *torch.autograd.grad(y, (inputs, *module.parameters()), grad))
