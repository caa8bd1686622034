"""minLSTM: a recurrence that is linear in its state, with two gates that sum to 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.layers.linear_recurrence import LinearRecurrence


class MinLSTM(LinearRecurrence):
    """h_t = f'_t h_(t-1) + i'_t n_t with f' = f / (f + i), i' = i / (f + i), n_t = W_n x_t + b_n.

    f = sigmoid(W_f x_t + b_f) and i likewise; both gates are divided by their sum, so that the state's size does not
    depend on the length. f' = sigmoid(log f - log i), which is right where both are 0 too. Source: Feng et al. 2024,
    section 3.2.3, in its linear form: its log-space form only has positive states and loses digits.
    """

    gates = 2

    def kept_and_added(self, candidate: Tensor, *gates: Tensor) -> tuple[Tensor, Tensor]:
        forget, take = gates
        ratio = F.logsigmoid(forget) - F.logsigmoid(take)  # log f / i; softplus has fewer digits above 20
        return torch.sigmoid(ratio), torch.sigmoid(-ratio) * candidate
