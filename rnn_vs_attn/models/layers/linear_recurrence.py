"""A recurrence of each channel by itself that is linear in its state, so that it can be computed in parallel."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.kernels.scan import scan, sequential
from rnn_vs_attn.models.mixer import Recurrence, state_dtype


class LinearRecurrence(Recurrence):
    """h_t = a_t h_(t-1) + b_t, by a parallel scan; a_t and b_t are what `kept_and_added` makes of W x_t + bias, a
    candidate and gates. These and the state are float32 where the weights have fewer digits.
    """

    gates: int

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.in_proj = Linear(d_model, (1 + self.gates) * d_model)

    def kept_and_added(self, candidate: Tensor, *gates: Tensor) -> tuple[Tensor, Tensor]:
        """a and b: (..., D) each -> two of (..., D)."""
        raise NotImplementedError

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        return sequential(*self._coefficients(x), self.initial_state(len(x))).to(x.dtype)

    def _coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a and b: (..., D) -> two of (..., D)."""
        projected = self.in_proj(x).to(state_dtype(self.in_proj.weight.dtype))
        return self.kept_and_added(*projected.chunk(1 + self.gates, dim=-1))

    def initial_state(self, batch_size: int) -> Tensor:
        """h of (B, D), zero."""
        weight = self.in_proj.weight
        return weight.new_zeros(batch_size, weight.shape[1], dtype=state_dtype(weight.dtype))

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        a_t, b_t = self._coefficients(x_t)
        state = torch.addcmul(b_t, a_t, state)
        return state.to(x_t.dtype), state

    def advance(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = scan(*self._coefficients(x), state)
        return h.to(x.dtype), h[:, -1]
