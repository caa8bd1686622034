"""Linear attention: a kernel in place of softmax, so that all keys and values are summed in one matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.kernels import linear_attention
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.mixer import head_dim, state_dtype

State = tuple[Tensor, Tensor]  # S (B, H, E, E) and z (B, H, E)


class LinearAttention(ChunkedRecurrence):
    """y_t = f(q_t) S_t / f(q_t) z_t, S_t = S_(t-1) + f(k_t) v_t^T, z_t = z_(t-1) + f(k_t), f(x) = elu(x) + 1; causal.

    Source: Katharopoulos et al. 2020, equations 7 to 12; as a recurrence 16 to 20. Projections and heads are those of
    attention. States are float32 where the weights have fewer digits.
    """

    def __init__(self, d_model: int, num_heads: int, backend: str = TORCH) -> None:
        super().__init__(backend, linear_attention.chunked, "linear_attention")
        self.num_heads, self.head_dim = num_heads, head_dim(d_model, num_heads)
        self.in_proj = Linear(d_model, 3 * d_model)
        self.out_proj = Linear(d_model, d_model)

    def initial_state(self, batch_size: int) -> State:
        """S and z, zero."""
        weight, width = self.out_proj.weight, self.head_dim
        zeros = weight.new_zeros(batch_size, self.num_heads, width, width + 1, dtype=state_dtype(weight.dtype))
        return zeros[..., :width].clone(), zeros[..., width].clone()

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        q, k, v = self._project(x_t)
        read = linear_attention.step(q, k, v, None, *state)
        return self._output(read, x_t.dtype), (read.matrix, read.normaliser)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        q, k, v = self._project(x)
        read = self.chunked(q, k, v, None, *state)
        return self._output(read, x.dtype), (read.matrix, read.normaliser)

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(..., D) -> f(q), f(k) and v, (..., H, E) each."""
        projected = self.in_proj(x).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = projected.to(self.kernel_dtype(x)).unbind(-3)
        return features(q), features(k), v

    def _output(self, read: linear_attention.Read, dtype: torch.dtype) -> Tensor:
        """(..., H, E) -> (..., D). Where all weights are 0 to the last digit, as no key has any, so is the output."""
        weights = read.weights.clamp(min=torch.finfo(read.weights.dtype).tiny)
        y: Tensor = self.out_proj((read.values / weights.unsqueeze(-1)).flatten(-2).to(dtype))
        return y


def features(x: Tensor) -> Tensor:
    """elu(x) + 1, with the digits of exp(x) where x is far below 0, which elu(x) rounds to -1."""
    return torch.exp(x.clamp(max=0)) + torch.relu(x)
