"""Modules as a user would bring them: good ones, and each kind of bad one."""

from __future__ import annotations

import os
import time

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """A projection and the mean of all positions so far; it can decode."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        counts = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        return self.project(x).cumsum(1) / counts[:, None]

    def initial_state(self, batch_size: int) -> tuple[Tensor, int]:
        return self.project.weight.new_zeros(batch_size, self.project.in_features), 0

    def step(self, x_t: Tensor, state: tuple[Tensor, int]) -> tuple[Tensor, tuple[Tensor, int]]:
        total, count = state[0] + self.project(x_t), state[1] + 1
        return total / count, (total, count)


class WithWeights(RunningMean):
    """Returns a tuple that begins with the output, and prints."""

    def forward(self, x: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        print("a line on standard output")
        return super().forward(x), None


class Heads(nn.Module):
    """Takes keywords that are offered."""

    def __init__(self, d_model: int, num_heads: int, causal: bool = True) -> None:
        super().__init__()
        self.heads, self.causal = num_heads, causal
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x)


class Unseen(nn.Module):
    """Writes its output through a pointer that torch does not see, as an extension's kernel does."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        out.detach().numpy()[...] = 1.0
        return self.project(x) + out


class Aborts(RunningMean):
    def forward(self, x: Tensor) -> Tensor:
        os.abort()


class AbortsInTraining(RunningMean):
    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.shape[1] > 16:
            os.abort()
        return super().forward(x)


class Hangs(RunningMean):
    """Hangs; with the variable HANGS_IN only beside that folder, with HUNG_PID once, saying there in which process."""

    def forward(self, x: Tensor) -> Tensor:
        said = os.environ.get("HUNG_PID", "")
        if os.path.exists(said) or not os.path.exists(os.environ.get("HANGS_IN", "/")):  # noqa: PTH110
            return x
        if said:
            with open(said, "w") as file:  # noqa: PTH123
                file.write(f"{os.getpid()}\n")
        time.sleep(600)
        return x


class Raises(RunningMean):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("this layer\ncannot do that")


class TakesAllMemory(RunningMean):
    def forward(self, x: Tensor) -> Tensor:
        held = [torch.ones(1 << 29) for _ in range(200)]
        return x + held[0][0]


class ShortOutput(RunningMean):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1]


class NeedsMore(nn.Module):
    def __init__(self, d_model: int, temperament: int) -> None:
        super().__init__()


class OtherKeyword(nn.Module):
    def __init__(self, girth: int = 16) -> None:
        super().__init__()


NOT_CALLABLE = 3
