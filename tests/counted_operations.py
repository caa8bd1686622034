"""FLOPs of a call, and what they are by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rnn_vs_attn.measure.operations import flops

B, L, D = 2, 5, 4


def passes(call: Callable[..., Tensor], *inputs: Tensor) -> tuple[flops.OpCount, flops.OpCount]:
    """What a forward and a training pass run."""

    def train() -> Tensor:
        y = call(*inputs)
        y.backward(torch.ones_like(y))
        return y

    with torch.no_grad():
        forward = flops.count(lambda: call(*inputs))
    return forward, flops.count(train)


def counted(call: Callable[..., Tensor], *inputs: Tensor) -> tuple[int | None, int | None]:
    forward, train = passes(call, *inputs)
    return forward.flops, train.flops


def tokens(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(B, L, D, dtype=dtype, requires_grad=True)


def heads(length: int = L, num_heads: int = 2) -> Tensor:
    return torch.randn(B, num_heads, length, D, requires_grad=True)
