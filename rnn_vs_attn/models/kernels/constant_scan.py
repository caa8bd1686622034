"""h_t = a h_(t-1) + b_t over a whole sequence, of real or complex numbers, with an a that is the same at all positions.

What a chunk of RADIX positions does to a state is then known without looking at it: a to the power of RADIX. Chunks are
scanned from nothing, what stands before them is found by scanning their ends in the same way, and it is added to all
positions at once by the powers of a. Powers are taken in double precision, since their errors would grow with the
length where |a| is near 1. Source: Blelloch 1990, section 1.4; Orvieto et al. 2023, section 2.1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

RADIX = 8


def constant_scan(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """a (N,), b (B, L, N) and the state before them (B, N) -> h (B, L, N); gradients of all three."""
    h: Tensor = _ConstantScan.apply(a, b, state)
    return h


class _ConstantScan(torch.autograd.Function):
    """Its backward pass is the scan from the other end: g_t = dy_t + conj(a) g_(t+1)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, state: Tensor) -> Tensor:
        h = _scan_into(torch.empty_like(b), _double(a), b, state, backwards=False)
        ctx.save_for_backward(a, h, state)
        return h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, state = ctx.saved_tensors
        (grad_h,) = gradients
        grad_b = torch.empty_like(h)
        _scan_into(grad_b, _double(a.conj()), grad_h, torch.zeros_like(state), backwards=True)
        grad_a = (grad_b[:, 0] * state.conj()).sum(0) + (grad_b[:, 1:] * h[:, :-1].conj()).sum((0, 1))
        return grad_a, grad_b, a.conj() * grad_b[:, 0]


def _double(a: Tensor) -> Tensor:
    return a.resolve_conj().to(torch.complex128 if a.is_complex() else torch.float64)


def _scan_into(h: Tensor, a: Tensor, b: Tensor, state: Tensor, backwards: bool) -> Tensor:
    """Fill h (B, L, N) from its first position on, or from its last; positions that fill no chunk are the last ones."""
    length, chunks = b.shape[1], b.shape[1] // RADIX
    rest = length
    if chunks > 1:
        rest = length - chunks * RADIX
        whole = slice(rest, None) if backwards else slice(length - rest)
        h_chunks, b_chunks = (t[:, whole].unflatten(1, (chunks, RADIX)) for t in (h, b))
        state = _scan_chunks(h_chunks, a, b_chunks, state, backwards)
    factor = a.to(b.dtype)
    for t in reversed(range(rest)) if backwards else range(length - rest, length):
        state = torch.addcmul(b[:, t], factor, state, out=h[:, t])
    return h


def _scan_chunks(h: Tensor, a: Tensor, b: Tensor, state: Tensor, backwards: bool) -> Tensor:
    """Fill h (B, L / RADIX, RADIX, N); the state after them (B, N)."""
    order = list(reversed(range(RADIX))) if backwards else list(range(RADIX))
    factor, powers = a.to(b.dtype), [a]
    found = h[:, :, order[0]].copy_(b[:, :, order[0]])
    for i in order[1:]:
        found = torch.addcmul(b[:, :, i], factor, found, out=h[:, :, i])
        powers.append(powers[-1] * a)
    after = _scan_into(torch.empty_like(b[:, :, 0]), powers[-1], found, state, backwards)
    before = torch.empty_like(after)
    if backwards:
        before[:, :-1], before[:, -1] = after[:, 1:], state
    else:
        before[:, 1:], before[:, 0] = after[:, :-1], state
    h.addcmul_(torch.stack([powers[i] for i in order]).to(b.dtype), before.unsqueeze(2))
    return after[:, 0 if backwards else -1]
