"""One step of torch's recurrent modules by its cells: a module's own call is for sequences, and slow for one token.

(On a CPU nn.LSTM packs its weights anew in every call: three to four times the time of the cells at one token.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def step(recurrence: nn.RNNBase, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
    """(B, D), state -> (B, H), state of nn.RNN (tanh), nn.GRU or nn.LSTM in one direction.

    state: h of (num_layers, B, H), for the LSTM h and c, as the module takes and returns it.
    """
    layers: list[list[Tensor]] = recurrence.all_weights
    if isinstance(recurrence, nn.LSTM):
        h, c = [], []
        for weights, h_i, c_i in zip(layers, *state, strict=True):
            x_t, c_t = torch.lstm_cell(x_t, (h_i, c_i), *weights)
            h.append(x_t)
            c.append(c_t)
        return x_t, (torch.stack(h), torch.stack(c))
    cell = torch.gru_cell if isinstance(recurrence, nn.GRU) else torch.rnn_tanh_cell
    found = []
    for weights, h_i in zip(layers, state, strict=True):
        x_t = cell(x_t, h_i, *weights)
        found.append(x_t)
    return x_t, torch.stack(found)
