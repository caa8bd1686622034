"""Recurrences that hold numbers which their calls change, and one that makes a table at its first call."""

from __future__ import annotations

from typing import Any

import flows
import torch
from torch import Tensor, nn


class _Scaled(flows.LinearRNN):
    """Its matrix is multiplied by what it holds."""

    def factor(self, x: Tensor) -> Tensor | float:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        w = self.w * self.factor(x)
        h, outputs = torch.zeros_like(x[:, 0]), []
        for x_t in x.unbind(1):
            h = h @ w.T + x_t
            outputs.append(h)
        return torch.stack(outputs, dim=1)


class RunningMean(_Scaled):
    """As a normalisation that goes on learning outside of training."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("mean", torch.ones(1))

    def factor(self, x: Tensor) -> Tensor:
        self.mean = 0.8 * self.mean + 0.2 * x.detach().abs().mean()
        return self.mean


class RunningMeanInPlace(RunningMean):
    def factor(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.8).add_(0.2 * x.detach().abs().mean())
        return self.mean.clone()


class CountsInABuffer(_Scaled):
    """A schedule that warms up, call by call."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def factor(self, x: Tensor) -> Tensor:
        self.calls += 1
        return 1 / self.calls.to(x.dtype)


class CountsInPython(_Scaled):
    """The same in an attribute."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.seen = {"calls": 0}

    def factor(self, x: Tensor) -> float:
        self.seen["calls"] += 1
        return 1 / self.seen["calls"]


class SpoilsItsWeights(_Scaled):
    """It scales its own parameter in every call."""

    @torch.no_grad()
    def factor(self, x: Tensor) -> float:
        self.w.mul_(0.9)
        return 1.0


class WatchesItsSteps(flows.WithStep):
    """A statistic that nothing is computed from, of a module whose state is one of a chunk."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("largest", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.largest += x.detach().abs().max()
        return super().forward(x)


class DriftsFromStepToStep(flows.WithStep):
    """Its steps decay further by what it holds, and its forward does the same."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.register_buffer("total", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        h, outputs = self.initial_state(len(x)), []
        for x_t in x.unbind(1):
            y, h = self.step(x_t, h)
            outputs.append(y)
        return torch.stack(outputs, dim=1)

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        self.total = self.total + 0.01
        h = state @ self.w.T / (1 + self.total) + x_t
        return h, h


class MakesATable(nn.Module):
    """A mean over positions, weighted by a table of the longest length that it has seen."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.table: Any = None
        self.length = 0

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > self.length:
            self.length = x.shape[1]
            self.table = torch.ones(self.length, self.length, dtype=x.dtype).tril()
        return self.table[: x.shape[1], : x.shape[1]] @ x


DRIFTING = (
    RunningMean,
    RunningMeanInPlace,
    CountsInABuffer,
    CountsInPython,
    SpoilsItsWeights,
    DriftsFromStepToStep,
)
