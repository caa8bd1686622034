"""h_t = a_t h_(t-1) + b_t over few positions with large states, in as many dependent operations as doublings.

Each time every position takes in what came to the one before it, twice as far back as the time before. Half as many
dependent operations as `scan` has, for a pass over all states in each of them. Source: Hillis and Steele 1986.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def doubling_scan(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """a, that broadcasts to b (B, L, D), and the state before (B, D) -> h (B, L, D); gradients of all three. D may be
    several axes.
    """
    h: Tensor = _DoublingScan.apply(a, b, state)
    return h


class _DoublingScan(torch.autograd.Function):
    """Its backward pass is the scan from the other end: g_t = dy_t + a_(t+1) g_(t+1)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, state: Tensor) -> Tensor:
        h = b.clone()
        h[:, 0].addcmul_(a[:, 0], state)
        h = _doubled(a, h, backwards=False)
        ctx.save_for_backward(a, h, state)
        return h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, state = ctx.saved_tensors
        following = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], dim=1)
        grad_b = _doubled(following, gradients[0], backwards=True)
        grad_a = torch.empty_like(h)
        torch.mul(grad_b[:, 1:], h[:, :-1], out=grad_a[:, 1:])
        torch.mul(grad_b[:, 0], state, out=grad_a[:, 0])
        return grad_a.sum_to_size(a.shape), grad_b, a[:, 0] * grad_b[:, 0]


def _doubled(kept: Tensor, h: Tensor, backwards: bool) -> Tensor:
    """From nothing before the first position, or behind the last; `h` itself where there is one position alone."""
    length, distance = h.shape[1], 1
    while distance < length:
        first, others = slice(distance), slice(distance, None)
        source = slice(length - distance)
        if backwards:
            first, others, source = slice(length - distance, None), source, others
        found, product = torch.empty_like(h), torch.empty_like(kept)
        found[:, first], product[:, first] = h[:, first], kept[:, first]
        torch.addcmul(h[:, others], kept[:, others], h[:, source], out=found[:, others])
        torch.mul(kept[:, others], kept[:, source], out=product[:, others])
        h, kept, distance = found, product, 2 * distance
    return h
