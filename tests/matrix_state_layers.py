"""A layer whose state is a matrix in its three forms, with the gradients of its input and of all parameters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.mixer import advance, initial_state


def with_gradients(module: nn.Module, x: Tensor, form: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
    """Output of x (B, L, D), and the gradients under a fixed random one."""
    x = x.detach().clone().requires_grad_()
    y = form(x)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(y.dtype)
    return (y.detach(), *torch.autograd.grad(y, (x, *module.parameters()), grad))


def assert_forms_agree(module: nn.Module, x: Tensor, cut: int, tolerance: float = 1e-9) -> None:
    """Chunks, the loop, and two calls between which the state is handed over at `cut`, if any; finite all."""

    def in_pieces(given: Tensor) -> Tensor:
        first, state = advance(module, given[:, :cut], initial_state(module, len(given)))
        return torch.cat([first, advance(module, given[:, cut:], state)[0]], 1)

    expected = with_gradients(module, x, module.sequential)
    for form in (module, in_pieces) if cut else (module,):
        for found, other in zip(with_gradients(module, x, form), expected, strict=True):
            assert found.isfinite().all()
            torch.testing.assert_close(found, other, rtol=tolerance, atol=tolerance)


def assert_digits(module: nn.Module, x: Tensor, dtype: torch.dtype) -> None:
    """Of an output (B, L, D) in `dtype`, of weights and x that it has exactly: only its projections are rounded to
    it, so chunks and the loop differ by the rounding of the last one, and by that of float32 in sums over L.
    """
    module, x = module.to(dtype), x.to(dtype)
    with torch.no_grad():
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert found.isfinite().all()
    assert float((found - expected).abs().max()) <= scale * (2 * torch.finfo(dtype).eps + x.shape[1] * 2.0**-24)
