"""Inputs that nothing can have been kept for: each of other values, and at another place in memory, than all before."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

_SEEDS = itertools.count()  # so that no two of them draw the same values in one process
_ROOM = 512  # inputs of one row of values
_STEP = 64  # values from one to the next, so that all are aligned alike


class FreshInputs:
    """Inputs of the shape of one and with values like its own: windows onto a long row, so the next one costs nothing.

    They are kept, as what is freed makes room for another one of the same address.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like.detach()
        self.requires_grad = like.requires_grad
        self._draws = torch.Generator(self._like.device).manual_seed(next(_SEEDS))
        self._row = self._like
        self._made: list[Tensor] = []

    def next(self) -> Tensor:
        """A leaf that requires grad where the first one does."""
        place, size = len(self._made) % _ROOM, self._like.numel()
        if place == 0:
            self._row = self._drawn(size + _ROOM * _STEP)
        window = self._row[place * _STEP : place * _STEP + size].view(self._like.shape)
        self._made.append(window.detach().requires_grad_(self.requires_grad))
        return self._made[-1]

    def _drawn(self, count: int) -> Tensor:
        values = self._like.flatten()
        if values.is_floating_point():
            drawn = torch.randn(count, dtype=values.dtype, device=values.device, generator=self._draws)
            return drawn * (values.std(correction=0) if len(values) > 1 else 1.0) + values.mean()
        return values[torch.randint(len(values), (count,), device=values.device, generator=self._draws)]
