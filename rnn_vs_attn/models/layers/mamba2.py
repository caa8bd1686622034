"""Mamba-2's layer: a short convolution, a recurrence with one decay a head, a gate."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.kernels import ssd
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.kernels.short_convolution import short_convolution
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.mixer import state_dtype

EXPAND, KERNEL_SIZE, STATE_SIZE = 2, 4, 64
_EPS = 1e-5  # of the norm

State = tuple[Tensor, Tensor]


class Mamba2(ChunkedRecurrence):
    """z, x, B, C, dt = W_in u; x, B, C = SiLU(conv(x, B, C)); S_t = exp(dt_t A) S_(t-1) + dt_t B_t x_t^T;
    y_t = S_t^T C_t + D x_t; W_out (RMSNorm(y_t SiLU(z_t))).

    All parts of the released layer: twice the width inside (W = 2 D, E = W / H a head), one group of B and C of N = 64
    numbers, A < 0 and D one number a head, dt = softplus(. + dt_bias), a causal convolution of 4 positions with a bias,
    no other bias. The recurrence is of float32 at least. Source: Dao and Gu 2024, sections 6 and 7, figure 6; Gu and
    Dao 2023, section 3.6, for how A and dt begin.
    """

    past_state = ("D",)

    def __init__(self, d_model: int, num_heads: int, *, state_size: int = STATE_SIZE, backend: str = TORCH) -> None:
        super().__init__(backend, _chunked, "state_space")
        inner = EXPAND * d_model
        if inner % num_heads:
            raise ValueError(f"twice the d_model {d_model} is not divisible by num_heads {num_heads}")
        self.num_heads, self.inner, self.state_size = num_heads, inner, state_size
        mixed = inner + 2 * state_size
        self.in_proj = Linear(d_model, inner + mixed + num_heads, bias=False)
        bound = 1 / math.sqrt(KERNEL_SIZE)
        self.conv_weight = nn.Parameter(torch.empty(mixed, KERNEL_SIZE).uniform_(-bound, bound))
        self.conv_bias = nn.Parameter(torch.empty(mixed).uniform_(-bound, bound))
        dt = torch.exp(torch.empty(num_heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # softplus of it is dt
        self.A_log = nn.Parameter(torch.empty(num_heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(num_heads))
        self.norm_weight = nn.Parameter(torch.ones(inner))
        self.out_proj = Linear(inner, d_model, bias=False)

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        inputs, state = self.initial_state(x.shape[0])
        gate, given, _ = self._project(x, inputs)
        y, _ = ssd.sequential(*_taken(*self._recurrence(given)), state)
        return self._output(_skipped(y, given[0], self.D), gate)

    def initial_state(self, batch_size: int) -> State:
        """Zeros: what was given to the convolution before (B, 3, W + 2 N), and S of (B, N, H, E)."""
        weight = self.conv_weight
        shape = (self.state_size, self.num_heads, self.inner // self.num_heads)
        inputs = weight.new_zeros(batch_size, KERNEL_SIZE - 1, len(weight))
        return inputs, weight.new_zeros(batch_size, *shape, dtype=self._state_dtype)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        gate, given, inputs = self._project(x_t.unsqueeze(1), state[0])
        x, log_a, b, c = (t.squeeze(1) for t in _taken(*self._recurrence(given)))
        y_t, carried = ssd.step(x, log_a, b, c, state[1])
        y = _skipped(y_t.unsqueeze(1), given[0], self.D)
        return self._output(y, gate).squeeze(1), (inputs, carried)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        gate, given, inputs = self._project(x, state[0])
        y, carried = self.chunked(*self._recurrence(given), self.D, state[1])
        return self._output(y, gate), (inputs, carried)

    def _project(self, u: Tensor, inputs: Tensor) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """z (B, L, W); x (B, L, H, E), B and C (B, L, N), dt of each head; the last inputs of the convolution."""
        mixed = len(self.conv_weight)
        gate, mixing, dt = self.in_proj(u).split([self.inner, mixed, self.num_heads], dim=-1)
        convolved = torch.cat([inputs, mixing], dim=1)
        last = convolved[:, u.shape[1] :]
        mixing = F.silu(short_convolution(convolved, self.conv_weight, self.conv_bias))
        mixing = mixing.to(self.kernel_dtype(u))
        x, b, c = mixing.split([self.inner, self.state_size, self.state_size], dim=-1)
        dt = F.softplus(dt.to(self._state_dtype) + self.dt_bias)
        return gate, (x.unflatten(-1, (self.num_heads, -1)), b, c, dt), last

    def _recurrence(self, given: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What the recurrence takes but for the state: x, dt, A, B and C."""
        x, b, c, dt = given
        return x, dt, -torch.exp(self.A_log.to(self._state_dtype)), b, c

    def _output(self, y: Tensor, gate: Tensor) -> Tensor:
        """(B, L, H, E) and z (B, L, W) -> (B, L, D)."""
        y = y.flatten(-2) * F.silu(gate.to(y.dtype))
        y = F.rms_norm(y, (self.inner,), self.norm_weight.to(y.dtype), _EPS)
        return self.out_proj(y.to(gate.dtype))

    @property
    def _state_dtype(self) -> torch.dtype:
        return state_dtype(self.D.dtype)


def _chunked(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, skip: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """y (B, L, H, E), with what skips the state, and S after it."""
    y, after = ssd.ssd(*_taken(x, dt, a, b, c), state)
    return _skipped(y, x, skip), after


def _skipped(y: Tensor, x: Tensor, skip: Tensor) -> Tensor:
    """y + D x, (B, L, H, E) with a number D a head."""
    return torch.addcmul(y, x, skip.to(y.dtype).unsqueeze(-1))


def _taken(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `ssd` takes but for the state: dt x, dt A, B and C."""
    return x * dt.unsqueeze(-1), dt * a, b, c
