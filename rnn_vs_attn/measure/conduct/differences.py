"""How far tensors are apart: what stands in one of them only, not finite in one only, and what another order makes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

# The largest difference, as a part of a tensor's largest value, that another order of the same sums may make.
ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 5e-2}

OUTPUT_NOT_FINITE = "its output holds NaN or infinity"
GRADIENTS_NOT_FINITE = "its gradients hold NaN or infinity"  # of a training pass: input and parameters
GRADIENT_NOT_FINITE = "its gradient holds NaN or infinity"  # of its last output


def finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no NaN and no infinity stands in any of them."""
    return all(bool(t.isfinite().all()) for t in tensors)


def same(a: Tensor, b: Tensor) -> bool:
    """Whether all values are the same; NaN is like NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a, b) or bool(((a == b) | ((a != a) & (b != b))).all())


def distance(a: Tensor, b: Tensor) -> float:
    """The largest difference over the largest value; infinite where what is not finite stands in one of them only."""
    if a.shape != b.shape or not same(_not_finite(a), _not_finite(b)):
        return math.inf
    a, b = (t.where(t.isfinite(), torch.zeros_like(t)).to(_widest(t)) for t in (a, b))
    if not a.numel() or torch.equal(a, b):
        return 0.0
    return float((a - b).abs().max() / torch.maximum(a.abs().max(), b.abs().max()))


def differ(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are further apart than another order of the same sums makes."""
    return distance(a, b) > ROUNDING.get(a.dtype, 0.0)


def _not_finite(tensor: Tensor) -> Tensor:
    """NaN and infinities where they stand, 0 elsewhere."""
    return tensor.where(~tensor.isfinite(), torch.zeros_like(tensor))


def _widest(tensor: Tensor) -> torch.dtype:
    return torch.complex128 if tensor.is_complex() else torch.float64
