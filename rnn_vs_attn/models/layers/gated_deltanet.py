"""Gated DeltaNet's layer: a short convolution, the gated delta rule, a norm and a gate."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.kernels import gated_delta_rule
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.kernels.short_convolution import short_convolution
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.mixer import head_dim, state_dtype

KERNEL_SIZE = 4
_EPS = 1e-6  # of lengths and of the norm

State = tuple[Tensor, Tensor]


class GatedDeltaNet(ChunkedRecurrence):
    """S_t = a_t S_(t-1) (I - b_t k_t k_t^T) + b_t v_t k_t^T; y_t = S_t q_t; W_o (RMSNorm(y_t) SiLU(W_g x_t)).

    q, k, v = SiLU(conv(W x)), each a product and a causal convolution of KERNEL_SIZE positions of its own; q and k of
    each head are divided by their lengths, and q by sqrt(E). a_t = exp(-exp(A) softplus(W_a x_t + dt_bias)), kept as
    its logarithm, and b_t = sigmoid(W_b x_t), one number a head. Of the paper's block the layer has all but its MLP;
    keys and values are as wide as the input together (E = D / H), as in the other layers here, where the paper takes
    3/4 and 3/2 of that. No bias. The recurrence is of float32 at least.
    Source: Yang, Kautz and Hatamizadeh 2024, equation 10, section 3.4 and figure 1; Gu and Dao 2023, section 3.6, for
    how A and dt_bias begin.
    """

    def __init__(self, d_model: int, num_heads: int, backend: str = TORCH) -> None:
        super().__init__(backend, _chunked, "gated_delta_rule")
        self.d_model, self.num_heads, self.head_dim = d_model, num_heads, head_dim(d_model, num_heads)
        self.in_proj = Linear(d_model, 4 * d_model + 2 * num_heads, bias=False)  # q, k, v, gate; decay and rate
        bound = 1 / math.sqrt(KERNEL_SIZE)
        self.conv_weight = nn.Parameter(torch.empty(3 * d_model, KERNEL_SIZE).uniform_(-bound, bound))
        dt = torch.exp(torch.empty(num_heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # softplus of it is dt
        self.A_log = nn.Parameter(torch.empty(num_heads).uniform_(1, 16).log())
        self.norm_weight = nn.Parameter(torch.ones(self.head_dim))
        self.out_proj = Linear(d_model, d_model, bias=False)

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        inputs, matrix = self.initial_state(x.shape[0])
        given, gate, _ = self._project(x, inputs)
        return self._output(gated_delta_rule.sequential(*(*_normalised(*given), matrix))[0], gate)

    def initial_state(self, batch_size: int) -> State:
        """Zeros: what was given to the convolution before (B, 3, 3 D), and S of (B, H, E, E), keys first."""
        weight = self.conv_weight
        matrix = (batch_size, self.num_heads, self.head_dim, self.head_dim)
        inputs = weight.new_zeros(batch_size, KERNEL_SIZE - 1, len(weight))
        return inputs, weight.new_zeros(matrix, dtype=state_dtype(weight.dtype))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        given, gate, inputs = self._project(x_t.unsqueeze(1), state[0])
        y_t, matrix = gated_delta_rule.step(*(*(t.squeeze(1) for t in _normalised(*given)), state[1]))
        return self._output(y_t.unsqueeze(1), gate).squeeze(1), (inputs, matrix)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        given, gate, inputs = self._project(x, state[0])
        y, matrix = self.chunked(*(*given, state[1]))
        return self._output(y, gate), (inputs, matrix)

    def _project(self, x: Tensor, inputs: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """q, k, v (B, L, H, E), log a and b (B, L, H); the gate (B, L, D); the last inputs of the convolution."""
        width, heads, weight = self.d_model, self.num_heads, self.conv_weight
        mixing, gate, decay, rate = self.in_proj(x).split([3 * width, width, heads, heads], dim=-1)
        convolved = torch.cat([inputs, mixing], dim=1)
        mixed = F.silu(short_convolution(convolved, weight, weight.new_zeros(len(weight))))
        dtype = state_dtype(x.dtype)
        q, k, v = mixed.to(self.kernel_dtype(x)).unflatten(-1, (3, heads, -1)).unbind(2)
        log_a = -self.A_log.to(dtype).exp() * F.softplus(decay.to(dtype) + self.dt_bias)
        return (q, k, v, log_a, rate.to(dtype).sigmoid()), gate, convolved[:, x.shape[1] :]

    def _output(self, y: Tensor, gate: Tensor) -> Tensor:
        """(B, L, H, E) and the gate (B, L, D) -> (B, L, D)."""
        y = F.rms_norm(y, y.shape[-1:], self.norm_weight.to(y.dtype), _EPS).flatten(-2)
        return self.out_proj((y * F.silu(gate.to(y.dtype))).to(gate.dtype))


def _chunked(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """y (B, L, H, E) and S after it, of keys and queries of any length."""
    q, k, v, log_a, b = _normalised(q, k, v, log_a, b)
    return gated_delta_rule.chunked(q, k, v, log_a, b, state)


def _normalised(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What the rule takes: queries divided by their lengths and by sqrt(E), keys by their lengths."""
    return _of_length_1(q) / math.sqrt(q.shape[-1]), _of_length_1(k), v, log_a, b


def _of_length_1(t: Tensor) -> Tensor:
    return t * torch.rsqrt(t.square().sum(-1, keepdim=True) + _EPS)
