"""Masks as a device's fused attention reads them: on CUDA 16 bytes at a time, and so from addresses that 16 divides.

torch copies a mask whose strides are no multiples of 8 numbers. One whose strides are, and which begins in the middle
of its memory as a view may, it hands on as it is: an address that the kernel may not read.
"""

from __future__ import annotations

import torch
from torch import Tensor

_ROW = 8  # numbers; torch's memory-efficient kernel takes rows that begin at multiples of these without a copy


def reads_16_bytes(t: Tensor) -> bool:
    """Whether the fused attention of the device that t is on reads its mask 16 bytes at a time."""
    return t.is_cuda


def aligned(mask: Tensor) -> Tensor:
    """A mask (..., C, K) that the device's kernels may read: itself, or where it has to be one a copy by rows."""
    if not reads_16_bytes(mask):
        return mask
    keys = mask.shape[-1]
    room = mask.new_empty(*mask.shape[:-1], -(-keys // _ROW) * _ROW)
    return room[..., :keys].copy_(mask)


def without_future(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """Which keys each of the last queries sees, (C, K), True of those up to its own.

    torch's own causal_lower_right says the same without an array, and takes more than a second to import.
    """
    return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril_(num_keys - num_queries)
