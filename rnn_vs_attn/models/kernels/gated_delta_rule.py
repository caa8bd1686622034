"""S_t = a_t (I - b_t k_t k_t^T) S_(t-1) + b_t k_t v_t^T and y_t = S_t^T q_t over a whole sequence, in chunks.

S has a row for each channel of the keys: it is the paper's transposed. What position t adds is k_t u_t^T, where u_t =
b_t (v_t - a_t S_(t-1)^T k_t) depends on all u_j before it. Within a chunk that is a triangular system, solved for all
chunks at once (the WY form of a product of Householder matrices, by the UT transform); then a chunk is a linear map of
the state before it. Decays are quotients of products of a, taken as differences of logarithms, so that none overflows;
these are summed in float64 and kept above LEAST_LOG, since it is small differences of large sums that are raised.
Source: Yang, Kautz and Hatamizadeh 2024, section 3.3 and appendix A; Yang et al. 2024 (DeltaNet), section 3.2.
B batch, L sequence, H heads, N chunks, C positions of one, E channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_vs_attn.models.kernels.chunks import in_chunks, joined, states_between

CHUNK = 32  # positions; 16 has more states than it saves products, 64 solves more than it saves states
LEAST_LOG = -2000.0  # of a decay: its exponential is 0 in every dtype


def chunked(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, state: Tensor, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """q, k, v (B, L, H, E), log_a and b (B, L, H), S before them (B, H, E, E) -> y (B, L, H, E) and S after them."""
    length = q.shape[1]
    q, k, v, log_a, b = (in_chunks(t, min(chunk, length)) for t in (q, k, v, log_a, b))
    sums = log_a.clamp_min(LEAST_LOG).double().cumsum(-1)  # (N, B, H, C)
    decays = _decays(sums, q.dtype)
    since, until_end = (t.to(q.dtype).unsqueeze(-1) for t in (sums.exp(), (sums[..., -1:] - sums).exp()))
    b, columns = b.unsqueeze(-1), k.mT
    system = (b * k) @ columns * decays  # below its diagonal of ones
    right = b * torch.cat([v, since * k], dim=-1)
    solved = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
    add, removed = ((until_end * k).mT @ solved).chunk(2, dim=-1)
    kept = torch.diag_embed(since[..., -1, :].expand(*k.shape[:-2], k.shape[-1]))
    before, after = states_between(kept - removed, add, state)
    own, read = solved.chunk(2, dim=-1)
    updates = own - read @ before  # u_t
    y = (since * q) @ before + (q @ columns * decays) @ updates
    return joined(y, length), after


def sequential(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same by its definition, one position after another: slow, and what `chunked` is held against."""
    found = []
    for given in zip(*(t.unbind(1) for t in (q, k, v, log_a, b)), strict=True):
        y_t, state = step(*(*given, state))
        found.append(y_t)
    return torch.stack(found, dim=1), state


def step(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One position: q, k, v (B, H, E), log_a and b (B, H), S (B, H, E, E) -> y (B, H, E) and S."""
    state = log_a.exp()[..., None, None] * state
    update = b.unsqueeze(-1) * (v - (k.unsqueeze(-2) @ state).squeeze(-2))
    state = state + k.unsqueeze(-1) @ update.unsqueeze(-2)
    return (q.unsqueeze(-2) @ state).squeeze(-2), state


def _decays(sums: Tensor, dtype: torch.dtype) -> Tensor:
    """a_(j+1) ... a_i for j <= i, else 0: sums of their logarithms (..., C) -> (..., C, C)."""
    size = sums.shape[-1]
    later = torch.ones(size, size, dtype=torch.bool, device=sums.device).triu(1)
    differences = (sums.unsqueeze(-1) - sums.unsqueeze(-2)).to(dtype)
    return differences.masked_fill(later, -torch.inf).exp()
