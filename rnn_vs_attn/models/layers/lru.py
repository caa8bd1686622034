"""LRU: a recurrence of complex numbers, diagonal and the same at every position."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.kernels.constant_scan import constant_scan
from rnn_vs_attn.models.kernels.linear import linear
from rnn_vs_attn.models.mixer import Recurrence, state_dtype

_DEAD = 7.0  # exp(-exp(7)) is 0 in float64, and so is its slope


class LRU(Recurrence):
    """h_t = lambda h_(t-1) + gamma B x_t and y_t = Re(C h_t) + D x_t, with N = d_model complex numbers of state.

    lambda = exp(-exp(nu_log) + i exp(theta_log)) has a modulus below 1; its modulus is drawn on the ring from r_min to
    r_max, its phase below max_phase, and gamma starts as sqrt(1 - |lambda|^2). h_t depends on h_(t-k) by lambda^k.
    B (N, 2, D) and C (D, N, 2) are real and imaginary parts; C is kept as its conjugate, so that y_t is one product.
    The state is of float32 at least. Source: Orvieto et al. 2023, section 3 and appendix A.
    """

    def __init__(self, d_model: int, *, r_min: float = 0.0, r_max: float = 1.0, max_phase: float = 2 * math.pi) -> None:
        super().__init__()
        tiny = torch.finfo(torch.float32).eps
        u_modulus, u_phase = torch.rand(2, d_model).clamp(tiny, 1 - tiny)
        exponent = -0.5 * torch.log(u_modulus * (r_max**2 - r_min**2) + r_min**2)  # -log |lambda|
        self.nu_log = nn.Parameter(torch.log(exponent))
        self.theta_log = nn.Parameter(torch.log(max_phase * u_phase))
        self.gamma_log = nn.Parameter(0.5 * torch.log(-torch.expm1(-2 * exponent)))
        self.B = nn.Parameter(torch.randn(d_model, 2, d_model) / math.sqrt(2 * d_model))
        self.C = nn.Parameter(torch.randn(d_model, d_model, 2) / math.sqrt(d_model))
        self.D = nn.Parameter(torch.randn(d_model))

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        driven, h, found = self._driven(x), self.initial_state(x.shape[0]), []
        for b_t in driven.unbind(1):
            h = self.eigenvalues * h + b_t
            found.append(h)
        return self._read(torch.stack(found, 1), x)

    @property
    def eigenvalues(self) -> Tensor:
        """lambda (N,), complex."""
        nu_log, theta_log = (t.to(self._dtype) for t in (self.nu_log, self.theta_log))
        return torch.polar(torch.exp(-torch.exp(nu_log.clamp(max=_DEAD))), torch.exp(theta_log))

    def _driven(self, x: Tensor) -> Tensor:
        """gamma B x_t: (..., D) -> (..., N), complex."""
        weight = self.B * torch.exp(self.gamma_log)[:, None, None]
        parts = linear(x, weight.flatten(0, 1)).to(self._dtype)
        return torch.view_as_complex(parts.unflatten(-1, (-1, 2)))

    def _read(self, h: Tensor, x: Tensor) -> Tensor:
        """Re(C h_t) + D x_t: (..., N) and (..., D) -> (..., D)."""
        parts = torch.view_as_real(h).flatten(-2).to(x.dtype)
        return torch.addcmul(linear(parts, self.C.flatten(1)), self.D, x)

    @property
    def _dtype(self) -> torch.dtype:
        return state_dtype(self.D.dtype)

    def initial_state(self, batch_size: int) -> Tensor:
        """h of (B, N), zero, complex."""
        return self.D.new_zeros(batch_size, len(self.D), dtype=self._dtype.to_complex())

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = torch.addcmul(self._driven(x_t), self.eigenvalues, state)
        return self._read(state, x_t), state

    def advance(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = constant_scan(self.eigenvalues, self._driven(x), state)
        return self._read(h, x), h[:, -1]
