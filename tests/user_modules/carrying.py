"""Layers whose forward takes the state before it, over several positions at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Mean(nn.Module):
    """A projection of the mean of all positions so far; a sum and a number that is no tensor are its state."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, state: tuple[Tensor, int] | None = None) -> Any:
        total, count = (torch.zeros_like(x[:, 0]), 0) if state is None else state
        sums = total.unsqueeze(1) + x.cumsum(1)
        counts = torch.arange(count + 1, count + x.shape[1] + 1, device=x.device, dtype=x.dtype)
        return self.project(sums / counts[:, None]), (sums[:, -1], count + x.shape[1])


class KeepsAll(nn.Module):
    """The same out of all positions, which are its state."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Any:
        whole = x if state is None else torch.cat([state, x], dim=1)
        counts = torch.arange(1, whole.shape[1] + 1, device=x.device, dtype=x.dtype)
        return self.project(whole.cumsum(1) / counts[:, None])[:, -x.shape[1] :], whole
