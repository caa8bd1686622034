"""A layer at once, by its definition and step by step: outputs, all gradients, and a state that is handed over."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def assert_three_forms_agree(module: nn.Module, width: int, length: int) -> None:
    """`forward`, `sequential`, `step` after `step`, and two calls of `advance`, in float64 to 1e-9."""
    x = torch.randn(2, length, width, dtype=torch.float64)
    whole = _with_gradients(module, module, x)
    for form in (module.sequential, lambda given: _steps(module, given), lambda given: _in_two(module, given)):
        for found, expected in zip(_with_gradients(module, form, x), whole, strict=True):
            assert found.isfinite().all()
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * max(1.0, float(expected.abs().max())))


def _with_gradients(module: nn.Module, form: object, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of the input and of all parameters."""
    x = x.clone().requires_grad_()
    y = form(x)  # type: ignore[operator]
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(7), dtype=y.dtype)
    return [y.detach(), *torch.autograd.grad(y, (x, *module.parameters()), grad)]


def _steps(module: nn.Module, x: Tensor) -> Tensor:
    state, found = module.initial_state(len(x)), []
    for x_t in x.unbind(1):
        y_t, state = module.step(x_t, state)
        found.append(y_t)
    return torch.stack(found, 1)


def _in_two(module: nn.Module, x: Tensor) -> Tensor:
    cut = max(1, x.shape[1] // 3)
    pieces, state = [], module.initial_state(len(x))
    for piece in (x[:, :cut], x[:, cut:]):
        if piece.shape[1]:
            y, state = module.advance(piece, state)
            pieces.append(y)
    return torch.cat(pieces, 1)
