"""A module over an operator of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Registered(nn.Module):
    """A scan in an operator of one's own, as extensions register."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.scales.scan(self.project(x))


_LIBRARY = torch.library.Library("scales", "DEF")
_LIBRARY.define("scan(Tensor x) -> Tensor")
_LIBRARY.impl("scan", lambda x: torch.from_numpy(x.detach().numpy().cumsum(1)), "CPU")
