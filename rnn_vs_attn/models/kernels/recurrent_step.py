"""One step of torch's recurrent modules by its cells: a module's own call is for sequences, and slow for one token.

(On a CPU nn.LSTM packs its weights anew in every call: three to four times the time of the cells at one token.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.models.kernels.linear import few_rows_of_a_large_matrix, linear


def step(recurrence: nn.RNNBase, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
    """(B, D), state -> (B, D), state of nn.RNN (tanh), nn.GRU or nn.LSTM in one direction.

    state: h of (N, B, D), for the LSTM h and c, as the module takes and returns it.
    """
    layers: list[list[Tensor]] = recurrence.all_weights
    if isinstance(recurrence, nn.LSTM):
        h, c = [], []
        for weights, h_i, c_i in zip(layers, *state, strict=True):
            x_t, c_t = _lstm(x_t, h_i, c_i, weights)
            h.append(x_t)
            c.append(c_t)
        return x_t, (torch.stack(h), torch.stack(c))
    cell = _gru if isinstance(recurrence, nn.GRU) else _rnn
    found = []
    for weights, h_i in zip(layers, state, strict=True):
        x_t = cell(x_t, h_i, weights)
        found.append(x_t)
    return x_t, torch.stack(found)


# torch's cells; and written out where their products are the slow part and there are faster ones


def _lstm(x: Tensor, h: Tensor, c: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(B, D), (B, D) twice -> h and c, (B, D) each."""
    if not few_rows_of_a_large_matrix(x, weights[0]):
        return torch.lstm_cell(x, (h, c), *weights)
    i, f, g, o = _gates(x, h, weights)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _gru(x: Tensor, h: Tensor, weights: list[Tensor]) -> Tensor:
    """(B, D), (B, D) -> (B, D); the reset gate after W_hn h, as torch has it."""
    if not few_rows_of_a_large_matrix(x, weights[0]):
        return torch.gru_cell(x, h, *weights)
    r, z, n = linear(x, weights[0], weights[2]).chunk(3, dim=1)
    r_h, z_h, n_h = linear(h, weights[1], weights[3]).chunk(3, dim=1)
    r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
    n = (n + r * n_h).tanh()
    return n + z * (h - n)


def _rnn(x: Tensor, h: Tensor, weights: list[Tensor]) -> Tensor:
    """(B, D), (B, D) -> (B, D)."""
    if not few_rows_of_a_large_matrix(x, weights[0]):
        return torch.rnn_tanh_cell(x, h, *weights)
    return (linear(x, weights[0], weights[2]) + linear(h, weights[1], weights[3])).tanh()


def _gates(x: Tensor, h: Tensor, weights: list[Tensor]) -> tuple[Tensor, ...]:
    return (linear(x, weights[0], weights[2]) + linear(h, weights[1], weights[3])).chunk(4, dim=1)
