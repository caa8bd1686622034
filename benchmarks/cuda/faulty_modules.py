"""Layers that fail on a device: one runs out of its memory, one leaves its context dead."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_TOO_MUCH = 1 << 39  # bytes, 512 GiB


class Faulty(nn.Module):
    """Fails in every call but that of a batch of two on the CPU, which is the look before a run."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        is_look = x.shape[0] == 2 and x.device.type == "cpu"
        return y if is_look else y + self.fault(y)

    def fault(self, y: Tensor) -> Tensor:
        raise NotImplementedError


class Hog(Faulty):
    """Takes more than any device has."""

    def fault(self, y: Tensor) -> Tensor:
        return torch.ones(_TOO_MUCH, dtype=torch.uint8, device=y.device)[0]


class Asserts(Faulty):
    """Reads an index out of range: on CUDA an assertion of the device, after which the process can do nothing there."""

    def fault(self, y: Tensor) -> Tensor:
        at = torch.full((1,), 10**6, device=y.device)
        return y.flatten()[:8].index_select(0, at).sum()
