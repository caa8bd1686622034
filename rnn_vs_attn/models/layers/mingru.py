"""minGRU: a recurrence that is linear in its state, so that it can be computed in parallel."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.kernels.scan import scan, sequential
from rnn_vs_attn.models.mixer import SequenceMixer


class MinGRU(SequenceMixer):
    """h_t = (1 - z_t) h_(t-1) + z_t n_t, z_t = sigmoid(W_z x_t + b_z), n_t = W_n x_t + b_n.

    Source: Feng et al. 2024, section 3.1.2, in its linear form: its log-space form only has positive states and loses
    digits. Gates and state are float32 where the weights have fewer digits.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.in_proj = Linear(d_model, 2 * d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D), by a parallel scan."""
        return self.advance(x, self.initial_state(x.shape[0]))[0]

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        return sequential(*self._coefficients(x), self.initial_state(x.shape[0])).to(x.dtype)

    def _coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of h_t = a_t h_(t-1) + b_t: (..., D) -> two of (..., D)."""
        candidate, gate = self.in_proj(x).to(self._state_dtype).chunk(2, dim=-1)
        return torch.sigmoid(-gate), torch.sigmoid(gate) * candidate

    @property
    def _state_dtype(self) -> torch.dtype:
        dtype = self.in_proj.weight.dtype
        return dtype if dtype.itemsize > 2 else torch.float32

    def initial_state(self, batch_size: int) -> Tensor:
        """h of (B, D), zero."""
        weight = self.in_proj.weight
        return weight.new_zeros(batch_size, weight.shape[1], dtype=self._state_dtype)

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        a_t, b_t = self._coefficients(x_t)
        state = torch.addcmul(b_t, a_t, state)
        return state.to(x_t.dtype), state

    def advance(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = scan(*self._coefficients(x), state)
        return h.to(x.dtype), h[:, -1]
