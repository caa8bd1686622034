"""mLSTM: an LSTM whose cell is a matrix, without a product with its state, so that it can be computed in parallel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.kernels import linear_attention
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.mixer import Recurrence, head_dim, state_dtype

State = tuple[Tensor, Tensor, Tensor]  # C (B, H, E, E), n (B, H, E) and m, one a head


class MLSTM(Recurrence):
    """C_t = f_t C_(t-1) + i_t k_t v_t^T, n_t = f_t n_(t-1) + i_t k_t, h_t = o_t * q_t C_t / max(|q_t n_t|, 1), with an
    exponential input gate and a sigmoid or exponential forget gate.

    Source: Beck et al. 2024 (xLSTM), equations 19 to 27, stabilised as in equations 15 to 17: C and n are held divided
    by exp(m_t), m_t = max(log f_t + m_(t-1), log i_t), so the least weight is exp(-m_t). Cut into chunks after Beck et
    al. 2025 (TFLA), section 2.2. Gates are one a head; an output projection mixes heads, as in attention. States are
    float32 where the weights have fewer digits.
    """

    def __init__(self, d_model: int, num_heads: int, forget_gate: str = "sigmoid") -> None:
        super().__init__()
        if forget_gate not in ("sigmoid", "exp"):
            raise ValueError(f"forget_gate must be sigmoid or exp, not {forget_gate!r}")
        self.num_heads, self.head_dim, self.forget_gate = num_heads, head_dim(d_model, num_heads), forget_gate
        self.in_proj = Linear(d_model, 4 * d_model)  # q, k, v and the output gate
        self.gate_proj = Linear(d_model, 2 * num_heads)  # input and forget gates
        self.out_proj = Linear(d_model, d_model)
        if forget_gate == "sigmoid":  # open at first, as in the authors' code
            nn.init.zeros_(self.gate_proj.bias[:num_heads])
            with torch.no_grad():
                self.gate_proj.bias[num_heads:] = torch.linspace(3.0, 6.0, num_heads)

    def initial_state(self, batch_size: int) -> State:
        """C, n and m, zero."""
        weight, width = self.out_proj.weight, self.head_dim
        zeros = weight.new_zeros(batch_size, self.num_heads, width, width, dtype=state_dtype(weight.dtype))
        return zeros, zeros[..., 0].clone(), zeros[..., 0, 0].clone()

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        matrix, normaliser, before = state
        q, k, v, gate, log_i, log_f = self._project(x_t)
        with torch.no_grad():
            m = torch.maximum(log_f + before, log_i)
        read = linear_attention.step(q, _written(k, log_i, m), v, log_f.double() + before - m, matrix, normaliser)
        return self._output(read, m, gate), (read.matrix, read.normaliser, m)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        matrix, normaliser, before = state
        q, k, v, gate, log_i, log_f = self._project(x)
        m = stabilisers(log_i, log_f, before)
        previous = torch.cat([before.unsqueeze(1), m[:, :-1]], dim=1)
        read = linear_attention.chunked(q, _written(k, log_i, m), v, log_f.double() + previous - m, matrix, normaliser)
        return self._output(read, m, gate), (read.matrix, read.normaliser, m[:, -1].clone())

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., D) -> q, k and v (..., H, E), the output gate (..., D), log i and log f, one a head."""
        projected = self.in_proj(x)
        q, k, v, gate = projected.chunk(4, dim=-1)
        dtype = state_dtype(projected.dtype)
        q, k, v = (t.to(dtype).unflatten(-1, (self.num_heads, -1)) for t in (q, k, v))
        log_i, forget = self.gate_proj(x).to(dtype).chunk(2, dim=-1)
        log_f = F.logsigmoid(forget) if self.forget_gate == "sigmoid" else forget
        return q, k, v, gate, log_i, log_f

    def _output(self, read: linear_attention.Read, m: Tensor, gate: Tensor) -> Tensor:
        """What is read, m, and the gate (..., D) -> (..., D)."""
        weights = torch.maximum(read.weights.abs(), torch.exp(-m)).unsqueeze(-1)
        y: Tensor = self.out_proj(torch.sigmoid(gate) * (read.values / weights).flatten(-2).to(gate.dtype))
        return y


def _written(k: Tensor, log_i: Tensor, m: Tensor) -> Tensor:
    """i k / (sqrt(E) exp(m)), (..., H, E)."""
    return (torch.exp(log_i - m) * k.shape[-1] ** -0.5).unsqueeze(-1) * k


@torch.no_grad()
def stabilisers(log_i: Tensor, log_f: Tensor, before: Tensor) -> Tensor:
    """m_t of all positions, of log i and log f, and m before them, one a head each.

    It is the largest of log i_j + the logarithms of f after j, so one cumulative sum and one cumulative maximum. No
    gradient goes to it, since it cancels in the output, whatever it is. Both go along the last axis: along any other a
    GPU has one thread for each line of numbers, and there is one line a head.
    """
    log_i, decayed = log_i.transpose(1, 2), log_f.transpose(1, 2).double().cumsum(-1)
    largest = torch.cummax(log_i - decayed, dim=-1).values
    found = decayed + torch.maximum(largest, before.unsqueeze(-1))
    return found.transpose(1, 2).to(log_i.dtype).contiguous()
