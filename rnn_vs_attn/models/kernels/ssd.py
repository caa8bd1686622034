"""S_t = a_t S_(t-1) + b_t x_t^T and y_t = S_t^T c_t over a whole sequence, in chunks: products of matrices in each, and
a scan over the states between them.

a_t is one number a head, given as its logarithm; b and c are shared by all heads. No decay is a quotient, so a gate may
be 0; sums of logarithms are in double precision, as a decay between two late positions is the difference of two long
sums. Source: Dao and Gu 2024, section 6 and listing 1.
C chunks, K positions of a chunk, N state_size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.kernels.doubling_scan import doubling_scan

CHUNK = 64  # positions; at seq_len 1,024 and d_model 256 those of 32 and 128 took 1.1 times as long


def ssd(x: Tensor, log_a: Tensor, b: Tensor, c: Tensor, state: Tensor, chunk: int = CHUNK) -> tuple[Tensor, Tensor]:
    """x (B, L, H, E), log_a one a position and head, b and c (B, L, N), state (B, N, H, E) -> y (B, L, H, E), state.

    A chunk is half of a shorter sequence. Positions that are missing from the last one keep the state as it is.
    """
    length = x.shape[1]
    chunk = min(chunk, (length + 1) // 2)
    x, log_a, b, c = (_in_chunks(t, chunk) for t in (x, log_a, b, c))
    since = log_a.double().cumsum(2)  # (B, C, K, H), log of the decay since before the chunk
    weights = _Weights.apply(c @ b.transpose(-1, -2), since)
    within = (weights @ x.transpose(2, 3)).transpose(2, 3)  # (B, C, K, H, E)
    until_end = torch.exp(since[:, :, -1:] - since).to(x.dtype)
    added = b.transpose(-1, -2) @ (x * until_end.unsqueeze(-1)).flatten(-2)  # (B, C, N, H E)
    kept = torch.exp(since[:, :, -1]).to(x.dtype)[:, :, None, :, None]
    after = doubling_scan(kept, added.unflatten(-1, x.shape[-2:]), state)  # (B, C, N, H, E)
    before = torch.cat([state.unsqueeze(1), after[:, :-1]], dim=1)
    carried = (c @ before.flatten(-2)).unflatten(-1, x.shape[-2:])  # (B, C, K, H, E)
    y = torch.addcmul(within, carried, torch.exp(since).to(x.dtype).unsqueeze(-1))
    return y.flatten(1, 2)[:, :length], after[:, -1]


def step(x: Tensor, log_a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The definition at one position: x (B, H, E), log_a one a head, b and c (B, N), state (B, N, H, E)."""
    a = torch.exp(log_a)[:, None, :, None]
    taken = (b.unsqueeze(-1) @ x.flatten(1).unsqueeze(1)).unflatten(-1, x.shape[1:])
    state = torch.addcmul(taken, a, state)
    return torch.einsum("bn,bnhe->bhe", c, state), state


def sequential(x: Tensor, log_a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same as `ssd`, one position after another: slow, and what it is held against."""
    found = []
    for given in zip(x.unbind(1), log_a.unbind(1), b.unbind(1), c.unbind(1), strict=True):
        y_t, state = step(*given, state)
        found.append(y_t)
    return torch.stack(found, dim=1), state


def _in_chunks(t: Tensor, chunk: int) -> Tensor:
    """The positions of each sequence in chunks, with zeros behind."""
    missing = -t.shape[1] % chunk
    if missing:
        t = F.pad(t, (0, 0) * (t.dim() - 2) + (0, missing))
    return t.unflatten(1, (-1, chunk))


class _Weights(torch.autograd.Function):
    """products (B, C, K, K) -> products_ij exp(since_i - since_j) of each head, 0 for j > i (B, C, H, K, K)."""

    @staticmethod
    def forward(ctx: Any, products: Tensor, since: Tensor) -> Tensor:
        sums = since.transpose(2, 3)
        decay = (sums.unsqueeze(-1) - sums.unsqueeze(-2)).to(products.dtype).exp_().tril_()
        ctx.save_for_backward(products, decay)
        ctx.dtype = since.dtype
        return decay * products.unsqueeze(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        products, decay = ctx.saved_tensors
        of_products = gradients[0] * decay
        grad_products = of_products.sum(2)
        of_sums = of_products.mul_(products.unsqueeze(2))
        grad_sums = of_sums.sum(-1) - of_sums.sum(-2)
        return grad_products, grad_sums.transpose(2, 3).to(ctx.dtype)
