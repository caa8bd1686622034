"""Output and gradients of a function of tensors, how far a scan may be rounded, and its longest chain."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from rnn_vs_attn.models.kernels.scan import RADIX


def gradients(run: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Output and the gradients of all inputs, under a fixed random gradient of the output."""
    inputs = tuple(t.detach().clone().requires_grad_() for t in inputs)
    y = run(*inputs)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(y.dtype)
    return (y.detach(), *torch.autograd.grad(y, inputs, grad))


def rounding(length: int) -> float:
    """The relative error that float32 may make of each term of a sum over `length` positions by the scan.

    A term is multiplied and added 2 RADIX times on the way down and as often on the way up of log_RADIX levels, each
    time with an error of 2^-24.
    """
    levels = math.ceil(math.log(max(length, RADIX), RADIX))
    return 4 * RADIX * levels * 2.0**-24


def scan_chain(positions: int, radix: int = 8) -> int:
    """Of the scan by its definition. Below two chunks one position after another. Else what each chunk does to a state,
    a copy and the other positions; those of all chunks scanned; their states moved on by one chunk, and all positions
    within the chunks. The last chunk's state is not waited for where it comes by itself.
    """
    if positions < 2 * radix:
        return positions
    chunks = positions // radix
    over_chunks = chunks - 1 if chunks < 2 * radix else scan_chain(chunks)
    return radix + over_chunks + 1 + radix
