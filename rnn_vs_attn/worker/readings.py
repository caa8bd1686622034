"""What the machine was like when a case was prepared, and what of it changed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch

from rnn_vs_attn.machine import environment
from rnn_vs_attn.machine.environment import CPUState
from rnn_vs_attn.measure import device


def gpu_state(name: str) -> dict[str, Any]:
    """What the GPU of that name says of itself, {} of another device and where nothing is known."""
    return device.gpu_state(torch.device(name).index or 0) if name.startswith("cuda") else {}


@dataclass(frozen=True)
class Readings:
    """gpu: {} of a case on the CPU."""

    cpu: CPUState
    gpu: dict[str, Any]

    @classmethod
    def of(cls, name: str) -> Self:
        """What a case on the device of that name finds now."""
        return cls(environment.cpu_state(), gpu_state(name))

    def changes_to(self, now: Readings) -> list[str]:
        """What moved, for a case's records."""
        if not self.gpu:
            return environment.changes(self.cpu, now.cpu)
        found = []
        clock, clock_now = self.gpu.get("sm_clock_mhz"), now.gpu.get("sm_clock_mhz")
        if clock and clock_now and abs(clock_now / clock - 1) > 0.1:
            found.append(f"the GPU clock went from {clock} to {clock_now} MHz during this case")
        if now.gpu.get("throttle_reasons"):
            found.append(f"the GPU throttled during this case (reasons {now.gpu['throttle_reasons']:#x})")
        return found
