"""Matrix states over a sequence in chunks, where a chunk maps the state S before it to keep S + add.

Each chunk's `keep` and `add` are computed for all chunks at once; what is left in order is one product a chunk.
B batch, L sequence, H heads, N chunks, C positions of one, E width of keys, F of values.
"""

from __future__ import annotations

from typing import Any

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
    heads = state.shape[:2]
    before, after = _StatesBetween.apply(keep.flatten(1, 2), add.flatten(1, 2), state.flatten(0, 1))
    return before.unflatten(1, heads), after.unflatten(0, heads)


class _StatesBetween(torch.autograd.Function):
    """One operation a chunk in each direction: backward g_n = dS_n + keep_n^T g_(n+1), and all of keep's gradients at
    once, where torch's own has three a chunk backward, each of which a GPU waits for.
    """

    @staticmethod
    def forward(ctx: Any, keep: Tensor, add: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        states = torch.cat([state.unsqueeze(0), add])
        for keep_n, before, after in zip(keep.unbind(0), states.unbind(0), states[1:].unbind(0), strict=False):
            after.baddbmm_(keep_n, before)
        ctx.save_for_backward(keep, states)
        return states[:-1], states[-1].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep, states = ctx.saved_tensors
        of_before, of_after = gradients
        found = torch.cat([of_before, of_after.unsqueeze(0)])
        parts, backwards = found.unbind(0), keep.mT.unbind(0)
        for n in reversed(range(len(keep))):
            parts[n].baddbmm_(backwards[n], parts[n + 1])
        return found[1:] @ states[:-1].mT, found[1:], found[0]
