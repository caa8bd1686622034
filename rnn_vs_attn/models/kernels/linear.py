"""Products of a few rows with a large matrix, as decoding has them: in the faster of torch's two CPU libraries.

nn.Linear runs on MKL, which reads a matrix too large for the cache at a third of what memory gives, on one thread;
oneDNN reads it 1.6 to 3 times as fast. It is only taken without gradients, in float32, for at most 16 rows; training
and whole sequences run as nn.Linear does everywhere.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW_ROWS = 16
LARGE = 1 << 20  # elements of a matrix; smaller ones stay in the cache, where MKL is the faster one


class Linear(nn.Linear):
    """nn.Linear, faster at decoding."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., I), (O, I), (O,) -> (..., O), as F.linear."""
    if few_rows_of_a_large_matrix(x, weight):
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return y
    return F.linear(x, weight, bias)


def few_rows_of_a_large_matrix(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN is the faster one and can be had."""
    return (
        weight.numel() >= LARGE
        and x.numel() <= FEW_ROWS * weight.shape[1]
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_grad_enabled()
        and _onednn_works()
    )


@cache
def _onednn_works() -> bool:
    """Whether this build of torch has oneDNN's product, and it gives what F.linear gives."""
    x, weight, bias = torch.eye(3, 4), torch.arange(20.0).view(5, 4), torch.ones(5)
    try:
        found = [torch.ops.mkldnn._linear_pointwise(x, weight, b, "none", [], "") for b in (bias, None)]
    except (AttributeError, RuntimeError, TypeError):
        return False
    expected = [F.linear(x, weight, b) for b in (bias, None)]
    return all(torch.allclose(a, b) for a, b in zip(found, expected, strict=True))
