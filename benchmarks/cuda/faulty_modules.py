"""Layers that fail on a device: one runs out of its memory, one leaves its context dead."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_TOO_MUCH = 1 << 39  # bytes, 512 GiB


class Hog(nn.Module):
    """Takes more than any device has, except of a batch of two on the CPU, which is the look before a run."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        if is_look(x):
            return y
        return y + torch.ones(_TOO_MUCH, dtype=torch.uint8, device=x.device)[0]


class Asserts(nn.Module):
    """Reads an index out of range: on CUDA an assertion of the device, after which the process can do nothing there."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        if is_look(x):
            return y
        at = torch.full((1,), 10**6, device=x.device)
        return y + y.flatten()[:8].index_select(0, at).sum()


def is_look(x: Tensor) -> bool:
    return x.shape[0] == 2 and x.device.type == "cpu"
