"""minLSTM: a recurrence that is linear in its state, with two gates that sum to 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.kernels.scan import scan, sequential
from rnn_vs_attn.models.mixer import SequenceMixer


class MinLSTM(SequenceMixer):
    """h_t = f'_t h_(t-1) + i'_t n_t with f' = f / (f + i), i' = i / (f + i), n_t = W_n x_t + b_n.

    f = sigmoid(W_f x_t + b_f) and i likewise; both gates are divided by their sum, so that the state's size does not
    depend on the length. f' = sigmoid(log f - log i), which is right where both are 0 too. Source: Feng et al. 2024,
    section 3.2.3, in its linear form: its log-space form only has positive states and loses digits. Gates and state are
    float32 where the weights have fewer digits.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.in_proj = Linear(d_model, 3 * d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D), by a parallel scan."""
        return self.advance(x, self.initial_state(x.shape[0]))[0]

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        return sequential(*self._coefficients(x), self.initial_state(x.shape[0])).to(x.dtype)

    def _coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of h_t = a_t h_(t-1) + b_t: (..., D) -> two of (..., D)."""
        candidate, forget, take = self.in_proj(x).to(self._state_dtype).chunk(3, dim=-1)
        ratio = F.logsigmoid(forget) - F.logsigmoid(take)  # log f / i; softplus has fewer digits above 20
        return torch.sigmoid(ratio), torch.sigmoid(-ratio) * candidate

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
