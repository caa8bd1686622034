"""The LRU in its three forms, its Jacobian, its ring, and every dtype."""

from __future__ import annotations

import math

import pytest
import torch
from layer_forms import assert_forms_agree, assert_gradients_of_the_state_agree
from scans import rounding
from torch import Tensor

from rnn_vs_attn.models.layers.lru import LRU

D = 6


def made(dtype: torch.dtype = torch.float64, **ring: float) -> LRU:
    torch.manual_seed(0)
    return LRU(D, **ring).to(dtype)


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 8, 37, 130])
@pytest.mark.parametrize("nu_log", [None, -math.inf, -800.0, 800.0])
def test_three_forms_agree(length: int, nu_log: float | None) -> None:
    """As drawn, and with |lambda| at 1 and at 0."""
    module = made()
    if nu_log is not None:
        with torch.no_grad():
            module.nu_log.fill_(nu_log)
        assert (module.eigenvalues.abs() - float(nu_log < 0)).abs().max() < 1e-15
    assert_forms_agree(module, torch.randn(2, length, D, dtype=torch.float64))


def test_the_gradient_of_the_state_is_that_of_steps() -> None:
    assert_gradients_of_the_state_agree(made(), torch.randn(2, 37, D, dtype=torch.float64))


@pytest.mark.parametrize("distance", [1, 7, 30])
def test_the_jacobian_of_the_state_is_a_power_of_lambda(distance: int) -> None:
    """d h_t / d h_(t-k) = diag(lambda^k), so its norms are |lambda|^k."""
    module = made(r_min=0.8, r_max=0.99)
    x = torch.randn(1, distance, D, dtype=torch.float64)

    def after(parts: Tensor) -> Tensor:
        return torch.view_as_real(module.advance(x, torch.view_as_complex(parts).unsqueeze(0))[1])[0]

    found = torch.autograd.functional.jacobian(after, torch.randn(D, 2, dtype=torch.float64))  # (D, 2, D, 2)
    norms = torch.linalg.matrix_norm(found.diagonal(dim1=0, dim2=2).permute(2, 0, 1), ord=2)
    torch.testing.assert_close(norms, module.eigenvalues.abs() ** distance, rtol=1e-10, atol=0)
    others = found.clone()
    others[range(D), :, range(D)] = 0
    assert float(others.abs().max()) == 0.0


def test_it_is_a_convolution_with_powers_of_lambda() -> None:
    """Orvieto et al. 2023, section 2: y_t = Re(C sum_k lambda^k gamma B x_(t-k)) + D x_t, in complex matrices."""
    module, x = made(), torch.randn(2, 11, D, dtype=torch.float64)
    b, c = torch.view_as_complex(module.B.movedim(1, 2).contiguous()), torch.view_as_complex(module.C).conj()
    driven = x.to(torch.complex128) @ (module.gamma_log.exp().unsqueeze(1) * b).T
    for t in range(11):
        h = sum(module.eigenvalues**k * driven[:, t - k] for k in range(t + 1))
        torch.testing.assert_close(module(x)[:, t], (h @ c.T).real + module.D * x[:, t], rtol=1e-9, atol=1e-9)


def test_eigenvalues_are_drawn_evenly_from_a_ring_and_the_state_is_normalised() -> None:
    """Squares of moduli are uniform between those of the ring; white noise goes in with the size that comes out."""
    torch.manual_seed(0)
    module = LRU(500, r_min=0.5, r_max=0.9, max_phase=0.3).requires_grad_(False)
    moduli, phases = module.eigenvalues.abs(), module.eigenvalues.angle()
    assert 0.5 <= float(moduli.min()) <= float(moduli.max()) <= 0.9 + 1e-6
    assert 0 <= float(phases.min()) <= float(phases.max()) <= 0.3 + 1e-6
    squares = (moduli.square() - 0.25) / (0.81 - 0.25)
    assert float(squares.mean()) == pytest.approx(0.5, abs=5 / math.sqrt(12 * 500))
    torch.testing.assert_close(module.gamma_log.exp(), torch.sqrt(1 - moduli.square()), rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_digits_are_kept_in_every_dtype(dtype: torch.dtype) -> None:
    """The state is float32 at least, so scan and loop differ by its rounding, not by that of dtype."""
    module, x = made(dtype), torch.randn(2, 512, D).to(dtype)
    with torch.no_grad():
        assert module._driven(x).dtype == torch.complex64
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= scale * (2 * torch.finfo(dtype).eps + rounding(512))
