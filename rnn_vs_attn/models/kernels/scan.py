"""h_t = a_t h_(t-1) + b_t over a whole sequence, without waiting for one token after another.

The sequence is cut into chunks of RADIX; what a chunk does to a state is again one such step, so the chunks are scanned
the same way, and then the positions within all chunks at once. That is two dependent operations for each of RADIX
positions on each of log_RADIX(L) levels, and about three times the arithmetic of the loop. Nothing is divided and no
logarithm is taken, so coefficients may be 0 and 1. Source: Blelloch 1990, section 1.4, with RADIX in place of 2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

RADIX = 8


def scan(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """a, b (B, L, D) and the state before them (B, D) -> h (B, L, D); gradients of all three.

    D may be several axes, and a of one element on those on which all have the same.
    """
    h: Tensor = _Scan.apply(a, b, state)
    return h


def sequential(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """The same by its definition, one position after another: slow, and what `scan` is held against."""
    outputs = []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        state = a_t * state + b_t
        outputs.append(state)
    return torch.stack(outputs, dim=1)


class _Scan(torch.autograd.Function):
    """Its backward pass is the scan from the other end: g_t = dy_t + a_(t+1) g_(t+1)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, state: Tensor) -> Tensor:
        h = scan_into(torch.empty_like(b), a, b, state, backwards=False)
        ctx.save_for_backward(a, h, state)
        return h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, state = ctx.saved_tensors
        (grad_h,) = gradients
        following = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], dim=1)
        grad_b = scan_into(torch.empty_like(h), following, grad_h, torch.zeros_like(state), backwards=True)
        grad_a = torch.empty_like(h)
        torch.mul(grad_b[:, 1:], h[:, :-1], out=grad_a[:, 1:])
        torch.mul(grad_b[:, 0], state, out=grad_a[:, 0])
        return grad_a.sum_to_size(a.shape), grad_b, a[:, 0] * grad_b[:, 0]


def scan_into(h: Tensor, a: Tensor, b: Tensor, state: Tensor, backwards: bool) -> Tensor:
    """Fill h (B, L, D) from its first position on, or from its last; positions that fill no chunk are the last ones."""
    length, chunks = a.shape[1], a.shape[1] // RADIX
    rest = length
    if chunks > 1:
        rest = length - chunks * RADIX
        whole = slice(rest, None) if backwards else slice(length - rest)
        h_chunks, a_chunks, b_chunks = (t[:, whole].unflatten(1, (chunks, RADIX)) for t in (h, a, b))
        state = _scan_chunks(h_chunks, a_chunks, b_chunks, state, backwards)
    for t in reversed(range(rest)) if backwards else range(length - rest, length):
        state = torch.addcmul(b[:, t], a[:, t], state, out=h[:, t])
    return h


def _scan_chunks(h: Tensor, a: Tensor, b: Tensor, state: Tensor, backwards: bool) -> Tensor:
    """Fill h (B, L / RADIX, RADIX, D); the state after them (B, D)."""
    order = list(reversed(range(RADIX))) if backwards else list(range(RADIX))
    kept, added = a[:, :, order[0]].clone(), b[:, :, order[0]].clone()
    for i in order[1:]:  # what each chunk does to a state: (kept, added)
        torch.addcmul(b[:, :, i], a[:, :, i], added, out=added)
        kept *= a[:, :, i]
    after = scan_into(torch.empty_like(added), kept, added, state, backwards)
    before = torch.empty_like(after)
    if backwards:
        before[:, :-1], before[:, -1] = after[:, 1:], state
    else:
        before[:, 1:], before[:, 0] = after[:, :-1], state
    for i in order:
        before = torch.addcmul(b[:, :, i], a[:, :, i], before, out=h[:, :, i])
    return after[:, 0 if backwards else -1]
