"""RWKV-7's time mixing: a token shift, the generalised delta rule, a norm, a bonus and a gate."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.backends import TORCH
from rnn_vs_attn.models.catalogue.delta_rule import decay_rank, gate_rank
from rnn_vs_attn.models.kernels import generalised_delta_rule
from rnn_vs_attn.models.kernels.generalised_delta_rule import LEAST_LOG
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.mixer import head_dim, state_dtype

_EPS = 64e-5  # of the norm, as in the released models

State = tuple[Tensor, Tensor]


class LowRank(nn.Module):
    """W_2 f(W_1 x) + bias."""

    def __init__(self, d_model: int, rank: int, bias: bool) -> None:
        super().__init__()
        self.down, self.up = Linear(d_model, rank, bias=False), Linear(rank, d_model, bias=bias)

    def forward(self, x: Tensor, f: str = "") -> Tensor:
        """(B, L, D) -> (B, L, D). f: a function of torch's, or none."""
        hidden = self.down(x)
        y: Tensor = self.up(getattr(torch, f)(hidden) if f else hidden)
        return y


class RWKV7(ChunkedRecurrence):
    """S_t = S_(t-1) (diag(w_t) - n_t^T (a_t n_t)) + v_t^T k_t; y_t = r_t S_t^T; W_o (g_t (GroupNorm(y_t) + u_t)).

    Each of r, w, k, v, a, g has its own mix of a token and the one before it (token shift). w_t = exp(-exp(-1/2)
    sigmoid(.)), a_t = sigmoid(.) and g_t come from products of low rank; n_t is k_t times a vector, divided by its
    length for each head, and what is written is k_t (1 + (a_t - 1) alpha). u_t = (r_t . (rho k_t)) v_t is the bonus.
    All of the paper's time mixing is here but the value residual, which takes the values of a model's first layer and
    so is no part of a layer; its channel mixing is an MLP and is not here. The recurrence is of float32 at least.
    Source: Peng et al. 2025 (RWKV-7 "Goose"), section 4, equations 3 to 18, and its appendix on initial values, of
    which the decays' are taken; matrices begin as torch's do, since at zeros some would have no gradient.
    """

    def __init__(self, d_model: int, num_heads: int, backend: str = TORCH) -> None:
        super().__init__(backend, generalised_delta_rule.chunked, "generalised_delta_rule")
        head_dim(d_model, num_heads)  # ValueError where there is none
        self.num_heads = num_heads
        self.mix = nn.Parameter(torch.rand(6, d_model))  # of r, w, k, v, a, g
        self.receptance, self.key, self.value = (Linear(d_model, d_model, bias=False) for _ in range(3))
        self.decay, self.rate = (LowRank(d_model, decay_rank(d_model), bias=True) for _ in range(2))
        self.gate = LowRank(d_model, gate_rank(d_model), bias=False)
        place = torch.arange(d_model) / max(1, d_model - 1)
        self.decay.up.bias = nn.Parameter(5 * place**0.85 - 6.5)
        self.rate.up.bias = nn.Parameter(torch.zeros(d_model))
        begin = torch.tensor([0.85, 1.0, 0.0])  # of xi, which finds what to remove; of alpha; and of rho, the bonus
        self.of_keys = nn.Parameter(begin.unsqueeze(1).repeat(1, d_model))
        self.norm_weight, self.norm_bias = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))
        self.output = Linear(d_model, d_model, bias=False)

    def sequential(self, x: Tensor) -> Tensor:
        """The same, one token after another: the definition, slow."""
        last, matrix = self.initial_state(x.shape[0])
        given, gate = self._project(x, last)
        return self._output(generalised_delta_rule.sequential(*(*given, matrix))[0], given, gate)

    def initial_state(self, batch_size: int) -> State:
        """Zeros: the token before (B, D), and S of (B, H, E, E), keys first."""
        weight = self.norm_weight
        width = head_dim(len(weight), self.num_heads)
        matrix = (batch_size, self.num_heads, width, width)
        return weight.new_zeros(batch_size, len(weight)), weight.new_zeros(matrix, dtype=state_dtype(weight.dtype))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        given, gate = self._project(x_t.unsqueeze(1), state[0])
        y_t, matrix = generalised_delta_rule.step(*(*(t.squeeze(1) for t in given), state[1]))
        return self._output(y_t.unsqueeze(1), given, gate).squeeze(1), (x_t, matrix)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        given, gate = self._project(x, state[0])
        y, matrix = self.chunked(*(*given, state[1]))
        return self._output(y, given, gate), (x[:, -1], matrix)

    def _project(self, x: Tensor, last: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What the recurrence takes, r, log w, k, v, n, a n (B, L, H, E); and the gate (B, L, D)."""
        change = torch.cat([last.unsqueeze(1), x[:, :-1]], dim=1) - x
        x_r, x_w, x_k, x_v, x_a, x_g = (torch.addcmul(x, change, mix) for mix in self.mix.unbind(0))
        dtype = self.kernel_dtype(x)
        log_w = LEAST_LOG * self.decay(x_w, "tanh").to(state_dtype(x.dtype)).sigmoid()
        rate = self.rate(x_a).to(dtype).sigmoid()
        r, k, v = self.receptance(x_r).to(dtype), self.key(x_k).to(dtype), self.value(x_v).to(dtype)
        xi, alpha, _ = self.of_keys.to(dtype)
        removed = F.normalize(self._by_heads(k * xi), dim=-1, eps=1e-6)
        written = k * torch.addcmul(torch.ones_like(k), rate - 1, alpha)
        r, log_w, written, v, rate = map(self._by_heads, (r, log_w, written, v, rate))
        return (r, log_w, written, v, removed, rate * removed), self.gate(x_g, "sigmoid")

    def _output(self, y: Tensor, given: tuple[Tensor, ...], gate: Tensor) -> Tensor:
        """(B, L, H, E), what the recurrence took, and the gate (B, L, D) -> (B, L, D)."""
        r, _, k, v, _, _ = given
        bonus = (r * k * self._by_heads(self.of_keys[2].to(y.dtype))).sum(-1, keepdim=True) * v
        y = F.layer_norm(y, y.shape[-1:], eps=_EPS).flatten(-2)  # of each head: a group norm
        y = torch.addcmul(self.norm_bias.to(y.dtype), y, self.norm_weight.to(y.dtype)) + bonus.flatten(-2)
        return self.output(y.to(gate.dtype) * gate)

    def _by_heads(self, t: Tensor) -> Tensor:
        """(..., D) -> (..., H, E)."""
        return t.unflatten(-1, (self.num_heads, -1))
