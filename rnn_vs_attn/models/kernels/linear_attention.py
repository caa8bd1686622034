"""A matrix as state that decays and is added to, read by each position's query, over a whole sequence in chunks.

S_t = g_t S_(t-1) + k_t v_t^T and o_t = q_t S_t, with one decay g_t in [0, 1] for a head and position; beside it,
where asked, the normaliser n_t = g_t n_(t-1) + k_t and q_t n_t. Within a chunk positions are multiplied with each
other, as in attention, and the states before all chunks come from a scan over chunks by doubling; all are done at once.
Decays are given as logarithms, and those of a chunk are summed in float64, since it is small differences of large sums
that are raised. Source: Hua et al. 2022 (FLASH), section 3.3; Dao and Gu 2024 (Mamba-2), section 6; gradients of the
decays as in Yang et al. 2024 (GLA), appendix C. B batch, L sequence, H heads, N chunks, C positions of one, E width of
q and k, F of v.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CHUNK = 64
LEAST_LOG = -2000.0  # of a decay: its exponential is 0 in every dtype, and the sum of a chunk keeps its digits


@dataclass(frozen=True)
class Read:
    """values: what positions read, q S (B, L, H, F). matrix: S after the last (B, H, E, F). weights, normaliser: q n,
    one a position and head, and n (B, H, E), where there is one.
    """

    values: Tensor
    matrix: Tensor
    weights: Tensor
    normaliser: Tensor


def chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor | None,
    matrix: Tensor,
    normaliser: Tensor | None = None,
    chunk: int = CHUNK,
) -> Read:
    """q, k (B, L, H, E), v (B, L, H, F), log g, one a position and head, or None for no decay, and the state before
    them: S (B, H,
    E, F) and n (B, H, E), or None for none. Gradients of all of these.
    """
    return Read(*_Chunked.apply(q, k, v, log_decay, matrix, normaliser, chunk))


def sequential(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None, matrix: Tensor, normaliser: Tensor | None = None
) -> Read:
    """The same by its definition, one position after another: slow, and what `chunked` is held against."""
    found = []
    for t in range(q.shape[1]):
        log_g = None if log_decay is None else log_decay[:, t]
        found.append(step(q[:, t], k[:, t], v[:, t], log_g, matrix, normaliser))
        matrix, normaliser = found[-1].matrix, found[-1].normaliser
    weights = normaliser if normaliser is None else torch.stack([read.weights for read in found], 1)
    return Read(torch.stack([read.values for read in found], 1), matrix, weights, normaliser)


def step(
    q_t: Tensor, k_t: Tensor, v_t: Tensor, log_decay: Tensor | None, matrix: Tensor, normaliser: Tensor | None = None
) -> Read:
    """One position: q, k (B, H, E), v (B, H, F) and log g, one a head."""
    decay = None if log_decay is None else log_decay.exp().to(matrix.dtype).unsqueeze(-1)
    if decay is not None:
        matrix = decay.unsqueeze(-1) * matrix
    matrix = matrix + k_t.unsqueeze(-1) @ v_t.unsqueeze(-2)
    query = q_t.unsqueeze(-2)
    values = (query @ matrix).squeeze(-2)
    if normaliser is None:
        return Read(values, matrix, None, None)
    normaliser = (normaliser if decay is None else decay * normaliser) + k_t
    return Read(values, matrix, (query @ normaliser.unsqueeze(-1)).flatten(-3), normaliser)


@dataclass(frozen=True)
class _Decays:
    """Products of a chunk's decays: within, from each position to each later one (N, B, H, C, C), 0 to earlier ones;
    before, from its beginning to each position; after, from each position to its end (N, B, H, C, 1).
    """

    within: Tensor
    before: Tensor
    after: Tensor

    @classmethod
    def of(cls, log_decay: Tensor, count: int, dtype: torch.dtype) -> _Decays:
        logs = _sums(_in_chunks(log_decay.double().clamp(min=LEAST_LOG).unsqueeze(-1), count))
        within = (logs - logs.mT).to(dtype).exp_().tril_()
        return cls(within, logs.exp().to(dtype), (logs[..., -1:, :] - logs).exp().to(dtype))

    @property
    def whole(self) -> Tensor:
        """Of all positions of a chunk, one a head."""
        return self.before[..., -1, 0]


class _Chunked(torch.autograd.Function):
    """Kept for the backward pass: q, k and v in chunks, their scores and decays, and the states between chunks."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        log_decay: Tensor | None,
        matrix: Tensor,
        normaliser: Tensor | None,
        chunk: int,
    ) -> tuple[Tensor | None, ...]:
        length, count = q.shape[1], max(1, math.ceil(q.shape[1] / chunk))
        q, k, v = (_in_chunks(t, count) for t in (q, k, v))
        decays = None if log_decay is None else _Decays.of(log_decay, count, q.dtype)
        scores = q @ k.mT
        scores = scores.tril_() if decays is None else scores.mul_(decays.within)
        asked, added = _faded(q, k, decays)
        matrices = _states(decays, added.mT @ v, matrix)
        values = _in_sequence(_plus_product(scores @ v, asked, matrices[:-1]), length)
        weights = normalisers = None
        if normaliser is not None:
            normalisers = _states(decays, added.sum(-2), normaliser)
            of_state = asked @ normalisers[:-1].unsqueeze(-1)
            weights = _in_sequence(of_state.add_(scores.sum(-1, keepdim=True)), length).squeeze(-1)
        ctx.length, ctx.decay_shape = length, None if log_decay is None else log_decay.shape
        kept = () if decays is None else (decays.within, decays.before, decays.after)
        ctx.save_for_backward(q, k, v, scores, matrices, normalisers, *kept)
        last = None if normalisers is None else normalisers[-1].clone()
        return values, matrices[-1].clone(), weights, last

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, scores, matrices, normalisers, *kept = ctx.saved_tensors
        decays = _Decays(*kept) if kept else None
        of_values, of_matrix, of_weights, of_normaliser = gradients
        count = len(q)
        dy, (asked, added) = _in_chunks(of_values, count), _faded(q, k, decays)
        d_matrices = _states_backwards(decays, asked.mT @ dy, of_matrix)
        d_scores, d_asked, d_added = dy @ v.mT, dy @ matrices[:-1].mT, v @ d_matrices[1:].mT
        d_normalisers = None
        if normalisers is not None:
            dw = _in_chunks(of_weights.unsqueeze(-1), count)
            d_normalisers = _states_backwards(decays, (asked * dw).sum(-2), of_normaliser)
            d_scores += dw
            d_asked += dw * normalisers[:-1].unsqueeze(-2)
            d_added += d_normalisers[1:].unsqueeze(-2)
        d_scores = d_scores.tril_() if decays is None else d_scores.mul_(decays.within)
        d_asked, d_added = (d_asked, d_added) if decays is None else (d_asked * decays.before, d_added * decays.after)
        dq, dk = _plus_product(d_asked, d_scores, k), _plus_product(d_added, d_scores.mT, q)
        dv = _plus_product(scores.mT @ dy, added, d_matrices[1:])
        d_log = None
        if ctx.needs_input_grad[3]:
            of_states = [(d_matrices, matrices), (d_normalisers, normalisers)]
            d_log = _in_sequence(_of_logs(q, k, dq, dk, of_states), ctx.length).squeeze(-1).sum_to_size(ctx.decay_shape)
        d_inputs = (_in_sequence(t, ctx.length) for t in (dq, dk, dv))
        return *d_inputs, d_log, d_matrices[0], None if d_normalisers is None else d_normalisers[0], None


def _of_logs(q: Tensor, k: Tensor, dq: Tensor, dk: Tensor, states: list[tuple[Any, Any]]) -> Tensor:
    """The gradient of log g (N, B, H, C, 1), in float64.

    What is read at a position, and what is added there, are scaled by the sum of logarithms up to there; so is the
    state after a chunk by that up to its end. states: gradients and values between chunks (N + 1, B, H, ...).
    """
    of_sums = ((q * dq).sum(-1, keepdim=True) - (k * dk).sum(-1, keepdim=True)).double()
    for gradient, value in states:
        if value is not None:
            of_sums[..., -1, 0] += (gradient[1:] * value[1:]).flatten(3).sum(-1)
    return _sums(of_sums.flip(-2)).flip(-2)


def _sums(t: Tensor) -> Tensor:
    """Of each position and those before it in its chunk, (..., C, 1); along the last axis, where a GPU is fast."""
    return t.squeeze(-1).cumsum(-1).unsqueeze(-1)


def _faded(q: Tensor, k: Tensor, decays: _Decays | None) -> tuple[Tensor, Tensor]:
    """q as it reads the state before its chunk, and k as it is added to the one after it."""
    return (q, k) if decays is None else (q * decays.before, k * decays.after)


def _plus_product(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """x + a b, of chunks, in the memory of x, whose rows are contiguous."""
    x.view(-1, *x.shape[-2:]).baddbmm_(a.flatten(0, 2), b.flatten(0, 2))
    return x


def _states(decays: _Decays | None, added: Tensor, first: Tensor) -> Tensor:
    """The states between chunks, of what each adds (N, B, H, ...) and the first (B, H, ...): (N + 1, B, H, ...)."""
    return _doubled(_whole(decays, added), torch.cat([first.unsqueeze(0), added]), backwards=False)


def _states_backwards(decays: _Decays | None, added: Tensor, last: Tensor) -> Tensor:
    """The gradients of the states between chunks, of what each chunk adds and the last: (N + 1, B, H, ...)."""
    return _doubled(_whole(decays, added), torch.cat([added, last.unsqueeze(0)]), backwards=True)


def _whole(decays: _Decays | None, added: Tensor) -> Tensor:
    """What each chunk keeps of a state (N, 1 or B, 1 or H, 1, ...)."""
    whole = added.new_ones(len(added), 1, 1) if decays is None else decays.whole
    return whole.reshape(*whole.shape, *[1] * (added.dim() - 3))


def _doubled(kept: Tensor, states: Tensor, backwards: bool) -> Tensor:
    """states_n + kept_n of what comes to the state before, or backwards after: kept (N, ...), states (N + 1, ...).

    Each takes in what came to one so far, twice as far each time. Source: Hillis and Steele 1986.
    """
    distance, end = 1, kept.new_ones(1, *kept.shape[1:])
    kept = torch.cat([kept, end] if backwards else [end, kept])
    while distance < len(states):
        near, far, source = slice(distance), slice(distance, None), slice(len(states) - distance)
        if backwards:
            near, far, source = slice(len(states) - distance, None), source, far
        found, product = torch.empty_like(states), torch.empty_like(kept)
        found[near], product[near] = states[near], kept[near]
        torch.addcmul(states[far], kept[far], states[source], out=found[far])
        torch.mul(kept[far], kept[source], out=product[far])
        states, kept, distance = found, product, 2 * distance
    return states


def _in_chunks(x: Tensor, count: int) -> Tensor:
    """(B, L, H, E) -> (N, B, H, C, E) with C = ceil(L / N), zeros after the last position."""
    batch_size, length, num_heads, width = x.shape
    size = math.ceil(length / count)
    chunks = x.new_empty(count, batch_size, num_heads, size, width)
    whole = length // size
    by_position = chunks.permute(1, 0, 3, 2, 4)  # (B, N, C, H, E)
    by_position[:, :whole] = x[:, : whole * size].unflatten(1, (whole, size))
    if whole < count:
        rest = length - whole * size
        by_position[:, whole, :rest] = x[:, whole * size :]
        by_position[:, whole, rest:] = 0
    return chunks


def _in_sequence(chunks: Tensor, length: int) -> Tensor:
    """(N, B, H, C, E) -> (B, L, H, E)."""
    return chunks.permute(1, 0, 3, 2, 4).flatten(1, 2)[:, :length]
