"""Modules that change what all code of their process shares; nothing is changed when this file is imported."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import torch
from torch import Tensor, nn


class Notes(nn.Module):
    """Writes down with how many threads it is called, where the file to write to is named."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        if "THREADS_SEEN" in os.environ:
            with Path(os.environ["THREADS_SEEN"]).open("a") as file:
                file.write(f"{torch.get_num_threads()}\n")
        return self.project(x)


class SeedsWhenBuilt(Notes):
    def __init__(self, d_model: int) -> None:
        torch.manual_seed(0)
        super().__init__(d_model)


class SetsThreadsWhenBuilt(Notes):
    def __init__(self, d_model: int) -> None:
        torch.set_num_threads(2)
        super().__init__(d_model)


class SetsThreadsAtFirst(Notes):
    """In its first call only."""

    called = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.called:
            torch.set_num_threads(2)
            self.called = True
        return super().forward(x)


class SetsThreadsInEveryCall(Notes):
    def forward(self, x: Tensor) -> Tensor:
        torch.set_num_threads(2)
        return super().forward(x)


class SetsThreadsAndPutsThemBack(Notes):
    def forward(self, x: Tensor) -> Tensor:
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        y = super().forward(x)
        torch.set_num_threads(before)
        return y


class SetsThreadsWhenTold(Notes):
    """From when there is a file of that name on."""

    def forward(self, x: Tensor) -> Tensor:
        if Path("set the threads").exists():
            torch.set_num_threads(2)
        return super().forward(x)


class SetsThreadsInTraining(Notes):
    """Its forward pass keeps to the label."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            torch.set_num_threads(2)
        return super().forward(x)


class SetsThreadsInSteps(Notes):
    """A running sum that decodes; only its steps break the label."""

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x).cumsum(1)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.project.weight.new_zeros(batch_size, self.project.in_features)

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        torch.set_num_threads(2)
        total = state + self.project(x_t)
        return total, total


class LeavesAThread(Notes):
    """Starts what nobody can end."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


class SetsInteropThreads(Notes):
    """What torch allows once in a process."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        torch.set_num_interop_threads(7)
