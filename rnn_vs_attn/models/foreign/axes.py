"""Along which axes the outputs of a layer depend on each other: what a batch and a sequence are told apart by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_SAME = {torch.float64: 1e-10, torch.float32: 1e-5}  # of the largest value: what another order of sums makes
Run = Callable[[Tensor], Tensor]


def apart(a: Tensor, b: Tensor) -> bool:
    """Whether two outputs differ by more than rounding."""
    largest = max(float(a.abs().max()), float(b.abs().max())) if a.numel() else 0.0
    return not bool(((a - b).abs() <= _SAME.get(a.dtype, 1e-2) * largest).all())


def mixes(run: Run, x: Tensor, axis: int) -> bool:
    """Whether an output depends on an input elsewhere along an axis of x."""
    base = run(x)
    return reaches(run, base, x, torch.randn_like(x), axis, apart)


def reaches(
    run: Run, base: Tensor, x: Tensor, other: Tensor, axis: int, differ: Callable[[Tensor, Tensor], bool]
) -> bool:
    """The same where the output for x is `base`, and what is changed becomes `other`, which has the shape of x.

    differ: whether two outputs do. Half of all places are changed at a time, by the bits of their numbers, so each
    is once changed without each other.
    """
    places = torch.arange(x.shape[axis], device=x.device)
    for bit in range((len(places) - 1).bit_length()):
        for side in (0, 1):
            changed = (places >> bit) % 2 == side
            y = run(torch.where(changed.view(-1, *[1] * (x.dim() - axis - 1)), other, x))
            if differ(y.movedim(axis, 0)[~changed], base.movedim(axis, 0)[~changed]):
                return True
    return False


def looks_ahead(run: Run, x: Tensor) -> bool:
    """Whether an output depends on later positions of x (B, L, D)."""
    base, other = run(x), torch.randn_like(x)
    for begin in {1, x.shape[1] // 2, x.shape[1] - 1}:
        y = run(torch.cat([x[:, :begin], other[:, begin:]], dim=1))
        as_before = torch.cat([y[:, :begin], base[:, begin:]], dim=1)
        if apart(as_before, base):  # of the whole's largest: a Fourier transform rounds every position by that
            return True
    return False


def seen_by_last(run: Run, x: Tensor) -> list[bool]:
    """Of each position of x (B, L, D) whether the last output depends on it."""
    base, found = run(x)[:, -1], []
    for position in range(x.shape[1]):
        changed = x.clone()
        changed[:, position] = torch.randn_like(x[:, position])
        found.append(apart(run(changed)[:, -1], base))
    return found
