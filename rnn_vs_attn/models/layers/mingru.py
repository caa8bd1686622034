"""minGRU: a recurrence that is linear in its state, with one gate."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_vs_attn.models.layers.linear_recurrence import LinearRecurrence


class MinGRU(LinearRecurrence):
    """h_t = (1 - z_t) h_(t-1) + z_t n_t, z_t = sigmoid(W_z x_t + b_z), n_t = W_n x_t + b_n.

    Source: Feng et al. 2024, section 3.1.2, in its linear form: its log-space form only has positive states and loses
    digits.
    """

    gates = 1

    def kept_and_added(self, candidate: Tensor, *gates: Tensor) -> tuple[Tensor, Tensor]:
        (gate,) = gates
        return torch.sigmoid(-gate), torch.sigmoid(gate) * candidate
