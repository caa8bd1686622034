"""Modules that train, up to a point."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch
from torch import Tensor, nn

LAST_STEP = 7  # that a training takes as others do


class Counts(nn.Module):
    """A running mean through a matrix, which counts the steps of its training."""

    steps: Tensor

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.is_grad_enabled():
            self.steps += 1
        y: Tensor = self.linear(x.cumsum(1) / torch.arange(1, x.shape[1] + 1).unsqueeze(1))
        return y


class Diverges(Counts):
    """NaN from the eighth step on."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y * (torch.nan if self.training and self.steps > LAST_STEP else 1.0)


class DiesOnce(Counts):
    """Ends its process by a signal in the eighth step, where the file "died" is not there yet."""

    def forward(self, x: Tensor) -> Tensor:
        y, died = super().forward(x), Path("died")
        if self.training and self.steps > LAST_STEP and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return y


class SetsAFlag(Counts):
    """Changes a setting of torch in the middle of its training."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.steps == LAST_STEP:
            torch.backends.mkldnn.set_flags(False)
        return super().forward(x)
