"""Attention with relative positions (Dai et al. 2019, section 3.3 and appendix B): the layer of Transformer-XL.

A score has four terms, for query i, key j and the sinusoid R of their distance:

    q_i k_j + q_i (W_R R_(i-j)) + u k_j + v (W_R R_(i-j))  =  (q_i + u) k_j + (q_i + v) (W_R R_(i-j)), over sqrt(E)

The second product is made once for all distances and shifted row by row. L is the queries of a segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.kernels import masks
from rnn_vs_attn.models.kernels.kv_cache import KeyValueCache
from rnn_vs_attn.models.kernels.linear import Linear, linear


@dataclass
class RelativeMemory:
    """What decoding carries on: keys and values of the positions before, and W_R R of every distance so far, (H, K, E).

    Of weights that stand still these say the same as the hidden states, and are not computed again for every token.
    """

    cache: KeyValueCache
    positions: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the positions that are remembered and of their distances, which the sequences of a batch share."""
        return self.cache.nbytes + self.positions[:, : self.cache.length].nbytes


class RelativeAttention(nn.Module):
    """Queries of a segment over keys of the memory before it and of itself, none of the future. No bias vectors.

    biases: u and v where layers share them, (H, E) each; None gives this layer its own.
    """

    def __init__(
        self, d_model: int, num_heads: int, head_dim: int, biases: nn.ParameterList | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        width = num_heads * head_dim
        self.num_heads, self.head_dim, self.rate = num_heads, head_dim, dropout
        self.in_proj = Linear(d_model, 3 * width, bias=False)
        self.position_proj = Linear(d_model, width, bias=False)
        self.out_proj = Linear(width, d_model, bias=False)
        own = nn.ParameterList(nn.Parameter(torch.empty(num_heads, head_dim).normal_(std=0.02)) for _ in range(2))
        self.own_biases = own if biases is None else None
        self.shared_biases = [] if biases is None else [biases]  # in a list: they are registered where they belong

    @property
    def biases(self) -> nn.ParameterList:
        """u and v."""
        return self.shared_biases[0] if self.own_biases is None else self.own_biases

    def forward(self, x: Tensor, memory: Tensor | None, positions: Tensor) -> Tensor:
        """(B, L, D), (B, M, D) or None, sinusoids of the distances 0 to K - 1 (K, D) -> (B, L, D)."""
        q, k, v = self._project(x, memory)
        y = self.attend(q, k, v, self.positions(positions))
        out: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return out

    def empty_memory(self, batch_size: int, limit: int | None = None) -> RelativeMemory:
        """A memory without positions, that will remember `limit` of them, or all."""
        weight = self.out_proj.weight
        cache = KeyValueCache.empty(weight, batch_size, self.num_heads, self.head_dim, limit)
        return RelativeMemory(cache, weight.new_empty(self.num_heads, 0, self.head_dim))

    def advance(self, x: Tensor, memory: RelativeMemory) -> Tensor:
        """(B, C, D) after what the memory holds -> (B, C, D); the memory then holds these positions too."""
        q, key, value = self.heads(self.in_proj(x))
        k, v = memory.cache.append(key, value)
        keys, known, limit = k.shape[2], memory.positions.shape[1], memory.cache.limit
        if known < keys:  # of twice as many distances, so that this is seldom done
            more = max(2 * known, 16) if limit is None else min(max(2 * known, 16), limit + 1)
            memory.positions = self.positions(by_distance(max(more, keys), x.shape[2], x.dtype, x.device))
        y = self.attend(q, k, v, memory.positions[:, :keys])
        out: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return out

    def positions(self, sinusoids: Tensor) -> Tensor:
        """W_R R: (K, D) -> (H, K, E)."""
        projected: Tensor = self.position_proj(sinusoids).view(-1, self.num_heads, self.head_dim).transpose(0, 1)
        return projected

    def attend(self, q: Tensor, k: Tensor, v: Tensor, r: Tensor) -> Tensor:
        """Queries (B, H, L, E), keys and values (B, H, K, E), W_R R of the distances 0 to K - 1 (H, K, E) ->
        (B, H, L, E).
        """
        u_bias, v_bias = (bias[:, None, :] for bias in self.biases)
        by_position = self._by_position((q + v_bias) / math.sqrt(self.head_dim), r)
        rate = self.rate if self.training else 0.0
        return F.scaled_dot_product_attention(q + u_bias, k, v, attn_mask=by_position, dropout_p=rate)

    def _by_position(self, q: Tensor, r: Tensor) -> Tensor:
        """Scores of position (B, H, L, K) of scaled queries, -inf where a key comes after its query."""
        if q.shape[2] == 1:  # nothing to shift, and nothing of K positions to copy
            return (q @ r.transpose(-2, -1)).flip(-1)
        distances = F.pad(r.flip(1), (0, 0, 0, 1))  # K - 1 to 0, and a column that `shifted` needs
        return _without_future(shifted(q @ distances.transpose(-2, -1)))

    def _project(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, L, E) of the segment, keys and values (B, H, K, E) of memory and segment."""
        q, k, v = self.heads(self.in_proj(x))
        if memory is not None and memory.shape[1]:
            width = self.num_heads * self.head_dim
            of_memory = linear(memory, self.in_proj.weight[width:])
            earlier_k, earlier_v = (self._split(t) for t in of_memory.chunk(2, dim=-1))
            k, v = torch.cat([earlier_k, k], dim=2), torch.cat([earlier_v, v], dim=2)
        return q, k, v

    def heads(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, L, 3 H E) -> three of (B, H, L, E)."""
        q, k, v = (self._split(t) for t in projected.chunk(3, dim=-1))
        return q, k, v

    def _split(self, t: Tensor) -> Tensor:
        return t.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)


def shifted(scores: Tensor) -> Tensor:
    """Row i of (..., L, K + 1), whose columns are the distances K - 1 to 0 and one more, moved left by L - 1 - i.

    Column j of the result, (..., L, K), is key j; entries of keys after the query are of no meaning. It is a view: read
    K at a time from entry L - 1 on, each row begins one column earlier. (Appendix B: a column of zeros, and a copy.)
    """
    *_, length, columns = scores.shape
    keys = columns - 1
    return scores.flatten(-2)[..., length - 1 : length - 1 + length * keys].unflatten(-1, (length, keys))


def _without_future(scores: Tensor) -> Tensor:
    """(..., L, K) with -inf where a key comes after its query; in place where no gradient is kept, and the device's
    kernels may read what begins in the middle of its memory.
    """
    length = scores.shape[-2]
    square = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
    earlier = scores.shape[-1] - length
    if scores.requires_grad or masks.reads_16_bytes(scores):
        return scores.masked_fill(F.pad(square, (earlier, 0)), -math.inf)
    scores[..., earlier:].masked_fill_(square, -math.inf)
    return scores


def by_distance(keys: int, d_model: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """R, the sinusoids of the distances 0 to keys - 1, (K, D): first all sines, then all cosines, as released."""
    distances = torch.arange(keys, dtype=torch.float64, device=device)
    frequencies = 10000 ** (-torch.arange(0, d_model, 2, dtype=torch.float64, device=device) / d_model)
    angles = distances[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[:, :d_model].to(dtype)
