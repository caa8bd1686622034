"""A layer of one's own, for `--model examples/running_mean.py:RunningMean`: the mean of all positions so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """(B, L, D) -> (B, L, D): a projection, then the mean over the positions up to each one."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        counts = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        return self.project(x).cumsum(1) / counts[:, None]

    def initial_state(self, batch_size: int) -> tuple[Tensor, int]:
        return self.project.weight.new_zeros(batch_size, self.project.in_features), 0

    def step(self, x_t: Tensor, state: tuple[Tensor, int]) -> tuple[Tensor, tuple[Tensor, int]]:
        """(B, D), sum and count so far -> (B, D), the next ones."""
        total, count = state[0] + self.project(x_t), state[1] + 1
        return total / count, (total, count)
