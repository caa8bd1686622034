"""Layers whose gradient is exactly zero in between, and layers that see the future at one position only."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from flows import LinearRNN, WithStep
from torch import Tensor, nn
from torch.nn import functional as F


class Delay(nn.Module):
    """y_t is the sum of x_(t-k) over `delays`, each times its factor."""

    delays: ClassVar[dict[int, float]] = {5: 1.0}

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        terms = [F.pad(x, (0, 0, k, 0))[:, :length] * factor for k, factor in self.delays.items()]
        return torch.stack(terms).sum(0)


class FarDelays(Delay):
    delays: ClassVar[dict[int, float]] = {0: 1.0, 11: 1.0, 23: 0.5}


class AlmostOnlyFar(Delay):
    """A trace of the token before, and all of the one 9 back."""

    delays: ClassVar[dict[int, float]] = {1: 1e-14, 9: 1.0}


class RandomDelay(Delay):
    """Another delay for every weights."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.delays = {int(torch.randint(3, 30, ())): 1.0}  # type: ignore[misc]


class DelayWithStep(WithStep):
    """The last five inputs as a ring; the state's gradient is that of a window."""

    gain = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 5, 0))[:, : x.shape[1]]

    def initial_state(self, batch_size: int) -> Tensor:
        return self.w.new_zeros(batch_size, 5, len(self.w))

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return state[:, 0], torch.cat([state[:, 1:], x_t[:, None]], dim=1)


class LeaksOnce(nn.Module):
    """A layer one of whose outputs has a part of one later input."""

    def __init__(self, layer: nn.Module, output: int, later: int, part: float = 1.0) -> None:
        super().__init__()
        self.layer, self.output, self.later, self.part = layer, output, later, part

    def forward(self, x: Tensor) -> Any:
        y = self.layer(x).clone()
        y[:, self.output] += self.part * x[:, self.later]
        return y


class LeaksAt20(LinearRNN):
    """Output 20 has the input that follows it."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return torch.cat([y[:, :20], y[:, 20:21] + x[:, 21:22], y[:, 21:]], dim=1)
