"""Matrix states over a sequence in chunks, where a chunk maps the state S before it to keep S + add.

Each chunk's `keep` and `add` are computed for all chunks at once; what is left in order is one product a chunk.
B batch, L sequence, H heads, N chunks, C positions of one, E width of keys, F of values.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def in_chunks(t: Tensor, chunk: int) -> Tensor:
    """(B, L, H, ...) -> (N, B, H, C, ...), contiguous, with zeros behind the sequence."""
    missing = -t.shape[1] % chunk
    if missing:
        t = F.pad(t, (0, 0) * (t.dim() - 2) + (0, missing))
    return t.unflatten(1, (-1, chunk)).movedim(1, 0).transpose(2, 3).contiguous()


def joined(t: Tensor, length: int) -> Tensor:
    """(N, B, H, C, F) -> (B, L, H, F)."""
    return t.transpose(2, 3).movedim(0, 1).flatten(1, 2)[:, :length]


def states_between(keep: Tensor, add: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """keep (N, B, H, E, E), add (N, B, H, E, F) and the state before them (B, H, E, F) -> the states before all chunks
    (N, B, H, E, F), and that after the last.
    """
    shape, state = state.shape, state.flatten(0, 1)
    before = []
    for keep_n, add_n in zip(keep.flatten(1, 2).unbind(0), add.flatten(1, 2).unbind(0), strict=True):
        before.append(state)
        state = torch.baddbmm(add_n, keep_n, state)
    return torch.stack(before).unflatten(1, shape[:2]), state.unflatten(0, shape[:2])
