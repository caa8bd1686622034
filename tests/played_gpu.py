"""A GPU that is played: how long each kernel runs and each launch takes is known."""

from __future__ import annotations

from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest
import torch

QUEUE = 1024  # launches that may wait
ENDS = 8_000  # ns after which the host sees that the device is done


class PlayedGPU:
    """A host that launches and a device that runs one kernel after another, in nanoseconds."""

    def __init__(self) -> None:
        self.now = self.free = 0.0  # the host's time; when the device has done what it was given
        self.starts: list[float] = []
        self.events = 0

    def launch(self, runs: float, takes: float) -> None:
        self.now += takes
        if len(self.starts) >= QUEUE:
            self.now = max(self.now, self.starts[-QUEUE])
        self.starts.append(max(self.free, self.now))
        self.free = self.starts[-1] + runs

    def synchronize(self, device: Any = None) -> None:
        self.now = max(self.now, self.free) + ENDS

    def sleep(self, cycles: int) -> None:
        self.launch(cycles / 2, 3_000)  # at 2 GHz

    def play(self, monkeypatch: pytest.MonkeyPatch, timing: ModuleType) -> None:
        """Stand for torch.cuda and for the clock of a module."""
        monkeypatch.setattr(torch.cuda, "Event", self.event)
        monkeypatch.setattr(torch.cuda, "synchronize", self.synchronize)
        monkeypatch.setattr(torch.cuda, "device", nullcontext)
        monkeypatch.setattr(torch.cuda, "_sleep", self.sleep)
        monkeypatch.setattr(timing, "perf_counter_ns", lambda: int(self.now))

    def event(self, enable_timing: bool) -> Mark:
        self.events += 1
        return Mark(self)


class Mark:
    """An event: the host makes it when it records it first, and the device passes it when it is free."""

    def __init__(self, gpu: PlayedGPU) -> None:
        self.gpu, self.at, self.made = gpu, 0.0, False

    def record(self) -> None:
        self.gpu.now += 1_000 if self.made else 30_000
        self.made = True
        self.at = max(self.gpu.free, self.gpu.now)

    def elapsed_time(self, other: Mark) -> float:
        return (other.at - self.at) / 1e6
