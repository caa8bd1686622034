"""Recurrent layers: torch's own RNN, GRU and LSTM, and the LSTM as a Python loop over cells.

hidden_size is d_model in all of them, so that they map (B, L, D) to (B, L, D) without a projection of their own.
They are causal by construction.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.kernels import recurrent_step
from rnn_vs_attn.models.mixer import SequenceMixer


class _TorchRecurrence(SequenceMixer):
    """One of torch's recurrent modules, in whatever kernel the device has for it."""

    kind: type[nn.RNNBase]

    def __init__(self, d_model: int, num_layers: int = 1) -> None:
        super().__init__()
        self.recurrence = self.kind(d_model, d_model, num_layers=num_layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.recurrence(x)[0]
        return y

    def initial_state(self, batch_size: int) -> Any:
        """h of (num_layers, B, D), zero."""
        weight = self.recurrence.weight_hh_l0
        return weight.new_zeros(self.recurrence.num_layers, batch_size, weight.shape[1])

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        return recurrent_step.step(self.recurrence, x_t, state)

    def advance(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = self.recurrence(x, state)
        return y, state


class RNN(_TorchRecurrence):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh). Source: Elman 1990."""

    kind = nn.RNN


class GRU(_TorchRecurrence):
    """h_t = (1 - z_t) n_t + z_t h_(t-1). Source: Cho et al. 2014; torch applies the reset gate after W_hn h."""

    kind = nn.GRU


class LSTM(_TorchRecurrence):
    """c_t = f_t c_(t-1) + i_t g_t, h_t = o_t tanh(c_t). Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000."""

    kind = nn.LSTM

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """h and c of (num_layers, B, D), zero."""
        zeros = super().initial_state(batch_size)
        return zeros, torch.zeros_like(zeros)


class LSTMCellLoop(SequenceMixer):
    """The LSTM's mathematics, one nn.LSTMCell call a token from Python: what launch overhead costs, not recurrence."""

    def __init__(self, d_model: int, num_layers: int = 1) -> None:
        super().__init__()
        self.cells = nn.ModuleList(nn.LSTMCell(d_model, d_model) for _ in range(num_layers))

    def forward(self, x: Tensor) -> Tensor:
        state = self.initial_state(x.shape[0])
        outputs = []
        for x_t in x.unbind(1):
            y_t, state = self.step(x_t, state)
            outputs.append(y_t)
        return torch.stack(outputs, dim=1)

    def initial_state(self, batch_size: int) -> list[tuple[Tensor, Tensor]]:
        """h and c of (B, D) for each layer, zero."""
        zeros = self.cells[0].weight_hh.new_zeros(batch_size, self.cells[0].hidden_size)
        return [(zeros, zeros)] * len(self.cells)

    def step(self, x_t: Tensor, state: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        states = []
        for cell, layer_state in zip(self.cells, state, strict=True):
            x_t, c_t = cell(x_t, layer_state)
            states.append((x_t, c_t))
        return x_t, states

    @torch.no_grad()
    def copy_weights(self, lstm: LSTM) -> None:
        """Take the weights of an `lstm` of the same d_model and num_layers."""
        for i, cell in enumerate(self.cells):
            for name, parameter in cell.named_parameters():
                parameter.copy_(getattr(lstm.recurrence, f"{name}_l{i}"))
