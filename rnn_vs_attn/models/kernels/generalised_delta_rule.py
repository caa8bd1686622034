"""S_t = (diag(w_t) - c_t n_t^T) S_(t-1) + k_t v_t^T and y_t = S_t^T r_t over a whole sequence, in chunks.

S has a row for each channel of the keys: it is the paper's transposed. n_t is what is removed (of length 1), c_t = a_t
n_t with a rate a_t for each channel. It is computed like kernels.gated_delta_rule, but the decay is a vector, so that a
decay between two positions is no factor of a product of keys: keys are divided by the product of all w since the chunk
began, and what reads them is multiplied with it. With w >= exp(-exp(-1/2)) = 0.545, as RWKV-7 has it, that product is
at least exp(-0.607 C), 4e-9 over 32 positions, and its inverse is far from what float32 holds; each of the two has a
relative error of at most 0.607 C times that of a number. Smaller w are not for this function. Source: Peng et al. 2025
(RWKV-7), section 4; Yang et al. 2024 (DeltaNet), section 3.2, for the system of a chunk.
B batch, L sequence, H heads, N chunks, C positions of one, E channels of a head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnn_vs_attn.models.kernels.chunks import in_chunks, joined, states_between

CHUNK = 32
LEAST_LOG = -math.exp(-0.5)  # of a decay: Peng et al. 2025, equation of w_t


def chunked(
    r: Tensor, log_w: Tensor, k: Tensor, v: Tensor, n: Tensor, c: Tensor, state: Tensor, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """All (B, L, H, E), log_w in [LEAST_LOG, 0], S before them (B, H, E, E) -> y (B, L, H, E) and S after them."""
    length = r.shape[1]
    r, log_w, k, v, n, c = (in_chunks(t, min(chunk, length)) for t in (r, log_w, k, v, n, c))
    sums = log_w.cumsum(-2)
    rows = torch.cat([n * (sums - log_w).exp(), r * sums.exp()], dim=-2)  # (N, B, H, 2 C, E)
    columns = torch.cat([c, k], dim=-2) * (-sums).exp().repeat(1, 1, 1, 2, 1)
    within = rows @ columns.mT
    (removing, removed_new), (reading_removed, reading_new) = (
        half.chunk(2, dim=-1) for half in within.chunk(2, dim=-2)
    )
    removal, query = rows.chunk(2, dim=-2)
    right = torch.cat([removed_new.tril(-1) @ v, removal], dim=-1)
    solved = torch.linalg.solve_triangular(removing, right, upper=False, unitriangular=True)  # n_t^T S_(t-1)
    whole = sums[..., -1:, :].exp()
    taken, given = (columns * whole).mT.chunk(2, dim=-1)
    own, carried = (taken @ solved).chunk(2, dim=-1)
    before, after = states_between(torch.diag_embed(whole.squeeze(-2)) - carried, given @ v - own, state)
    own, carried = solved.chunk(2, dim=-1)
    y = query @ before + reading_new.tril() @ v - reading_removed.tril() @ (own + carried @ before)
    return joined(y, length), after


def sequential(
    r: Tensor, log_w: Tensor, k: Tensor, v: Tensor, n: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """The same by its definition, one position after another: slow, and what `chunked` is held against."""
    found = []
    for given in zip(*(t.unbind(1) for t in (r, log_w, k, v, n, c)), strict=True):
        y_t, state = step(*(*given, state))
        found.append(y_t)
    return torch.stack(found, dim=1), state


def step(r: Tensor, log_w: Tensor, k: Tensor, v: Tensor, n: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One position: all (B, H, E), S (B, H, E, E) -> y (B, H, E) and S."""
    removed = n.unsqueeze(-2) @ state  # (B, H, 1, E)
    state = log_w.exp().unsqueeze(-1) * state - c.unsqueeze(-1) @ removed + k.unsqueeze(-1) @ v.unsqueeze(-2)
    return (r.unsqueeze(-2) @ state).squeeze(-2), state
