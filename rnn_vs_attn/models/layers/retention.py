"""Retention: attention without softmax whose weights decay with distance, so that it is a recurrence too."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.kernels import linear_attention
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.mixer import head_dim, state_dtype

LONGEST_WAVE = 10000.0  # in radians, of the slowest pair
EPSILON = 1e-6  # of the norm, as in the authors' code
State = tuple[Tensor, int]  # S (B, H, E, E), and the positions before


class Retention(ChunkedRecurrence):
    """S_t = g S_(t-1) + k_t v_t^T and y_t = (swish(x_t W_G) * norm(q_t S_t)) W_O, with g = 1 - 2^(-5-h) in head h; q_t
    and k_t are turned by an angle for each position, in pairs of channels, and the norm is over a head's channels.

    Source: Sun et al. 2023 (RetNet), equations 3 to 8. Left out is what the norm takes back, the normalisation of
    scores in section 2.2, but for 1 / sqrt(E). States are float32 where the weights have fewer digits.
    """

    def __init__(self, d_model: int, num_heads: int, backend: str = TORCH) -> None:
        super().__init__(backend, linear_attention.chunked, "linear_attention")
        self.num_heads, self.head_dim = num_heads, head_dim(d_model, num_heads)
        self.in_proj = Linear(d_model, 4 * d_model, bias=False)  # q, k, v and the gate
        self.out_proj = Linear(d_model, d_model, bias=False)

    def initial_state(self, batch_size: int) -> State:
        """S, zero, before position 0."""
        weight, width = self.out_proj.weight, self.head_dim
        dtype = state_dtype(weight.dtype)
        return weight.new_zeros(batch_size, self.num_heads, width, width, dtype=dtype), 0

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        matrix, position = state
        q, k, v, gate = (t.squeeze(1) for t in self._project(x_t.unsqueeze(1), position))
        read = linear_attention.step(q, k, v, log_decays(self.num_heads, q.device).unsqueeze(0), matrix)
        return self._output(read.values, gate), (read.matrix, position + 1)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        matrix, position = state
        q, k, v, gate = self._project(x, position)
        log_decay = log_decays(self.num_heads, q.device).expand(1, x.shape[1], -1)
        read = self.chunked(q, k, v, log_decay, matrix)
        return self._output(read.values, gate), (read.matrix, position + x.shape[1])

    def _project(self, x: Tensor, position: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, C, D), of which the first is at `position` -> q, k and v (B, C, H, E) and the gate (B, C, D)."""
        projected = self.in_proj(x)
        q, k, v, gate = projected.chunk(4, dim=-1)
        q, k, v = (t.to(state_dtype(t.dtype)).unflatten(-1, (self.num_heads, -1)) for t in (q, k, v))
        turn = turns(position, x.shape[1], q)
        q, k = turned(q, turn), turned(k, turn * q.shape[-1] ** -0.5)
        q, k, v = (t.to(self.kernel_dtype(x)) for t in (q, k, v))
        return q, k, v, gate

    def _output(self, values: Tensor, gate: Tensor) -> Tensor:
        """(..., H, E), (..., D) -> (..., D)."""
        normed = F.layer_norm(values, values.shape[-1:], eps=EPSILON).flatten(-2)
        y: Tensor = self.out_proj(F.silu(gate) * normed.to(gate.dtype))
        return y


def log_decays(num_heads: int, device: torch.device) -> Tensor:
    """log(1 - 2^(-5-h)) of each head (H,), in float64."""
    return torch.log1p(-torch.exp2(-5 - torch.arange(num_heads, dtype=torch.float64, device=device)))


def turns(first: int, length: int, like: Tensor) -> Tensor:
    """exp(i t w) of positions t from `first` on and of each pair of channels (C, 1, E // 2); w from 1 down to 1 /
    LONGEST_WAVE, evenly in its logarithm.
    """
    exact = {"dtype": torch.float64, "device": like.device}
    frequencies = LONGEST_WAVE ** -torch.linspace(0, 1, like.shape[-1] // 2, **exact)
    angles = torch.arange(first, first + length, **exact).view(-1, 1, 1) * frequencies
    return torch.complex(angles.cos().to(like.dtype), angles.sin().to(like.dtype))


def turned(x: Tensor, turn: Tensor) -> Tensor:
    """(B, C, H, E) with each pair of channels turned; the last of an odd number stays."""
    paired = 2 * turn.shape[-1]
    even = paired == x.shape[-1]
    pairs = x if even else x[..., :paired].clone(memory_format=torch.contiguous_format)  # complex ones start evenly
    y = torch.view_as_real(torch.view_as_complex(pairs.unflatten(-1, (-1, 2))) * turn).flatten(-2)
    return y if even else torch.cat([y, x[..., paired:]], dim=-1)
