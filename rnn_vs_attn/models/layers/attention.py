"""Self-attention layers: over the device's fused kernel, and as the lesson writes it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.costs import NO_POSITIONS
from rnn_vs_attn.models.kernels.kv_cache import KeyValueCache
from rnn_vs_attn.models.kernels.linear import Linear
from rnn_vs_attn.models.kernels.masks import aligned, without_future
from rnn_vs_attn.models.layers.positions import positions_of_kind
from rnn_vs_attn.models.layers.relative_attention import RelativeAttention, RelativeMemory, by_distance
from rnn_vs_attn.models.mixer import SequenceMixer, head_dim


class Attention(SequenceMixer):
    """Multi-head attention over torch's scaled_dot_product_attention. Source: Vaswani et al. 2017, section 3.2.2.

    positions: what it knows of where tokens stand: none, rotary or alibi. several_kernels: whether any of the device's
    fused ones may be the fastest; what runs the layer chooses it, around its calls.
    """

    several_kernels = True

    def __init__(self, d_model: int, num_heads: int, causal: bool = True, positions: str = NO_POSITIONS) -> None:
        super().__init__()
        self.num_heads = self.num_kv_heads = num_heads
        self.causal = causal
        self.positions = positions_of_kind(positions, num_heads, head_dim(d_model, num_heads))
        self.in_proj = Linear(d_model, 3 * d_model)
        self.out_proj = Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self._project(x)
        return self._output(self._attend(q, k, v, self.causal))

    def _project(self, x: Tensor, begin: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """(B, L, D), the positions from `begin` on -> queries (B, H, L, E), keys and values, as many as have heads."""
        projected: Tensor = self.in_proj(x)
        heads, of_values = self.num_heads + 2 * self.num_kv_heads, self.num_kv_heads
        by_head = projected.view(*x.shape[:2], heads, -1)
        if not self.positions.rotates:  # fewer views, each of which is a call of Python that a GPU waits for
            q, k, v = by_head.transpose(1, 2).split_with_sizes((self.num_heads, of_values, of_values), 1)
            return q, k, v
        with_places, v = by_head.split_with_sizes((heads - of_values, of_values), 2)
        q, k = self.positions.rotated(with_places, begin).split_with_sizes((self.num_heads, of_values), 2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def _output(self, mixed: Tensor) -> Tensor:
        """(B, H, L, E) -> (B, L, D)."""
        batch_size, _, length, _ = mixed.shape
        y: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(batch_size, length, -1))
        return y

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        """Queries (B, H, C, E) that are the last of the positions of keys and values, (B, H, L, E) -> (B, H, C, E)."""
        bias = self.positions.bias(q.shape[2], k.shape[2], q, causal)
        if bias is not None:
            return self._sdpa(q.flip(2), k, v, aligned(bias.unsqueeze(0))).flip(2)
        if causal and q.shape[2] != k.shape[2]:  # is_causal would align the mask with the first key
            return self._sdpa(q, k, v, without_future(q.shape[2], k.shape[2], q.device))
        return self._sdpa(q, k, v, causal=causal)

    def _sdpa(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """torch's, (B, H, C, E) -> (B, H, C, E). mask: (1, H, C, K) or (C, K)."""
        if self._shares and q.shape[2] == 1:  # heads that share keys as queries of one head: these are read once
            shared = (self.num_kv_heads, -1)
            q, mask = (t if t is None else t.squeeze(2).unflatten(1, shared) for t in (q, mask))
            return F.scaled_dot_product_attention(q, k, v, mask).flatten(1, 2).unsqueeze(2)
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=self._shares)

    @property
    def _shares(self) -> bool:
        """Whether several heads of queries have their keys and values in common."""
        return self.num_kv_heads != self.num_heads

    def initial_state(self, batch_size: int) -> KeyValueCache:
        """An empty cache. ValueError where the layer is not causal."""
        if not self.causal:
            raise ValueError("attention that sees the future cannot decode; build it with causal=True")
        weight = self.out_proj.weight
        head_dim = weight.shape[0] // self.num_heads
        return KeyValueCache.empty(weight, batch_size, self.num_kv_heads, head_dim)

    def step(self, x_t: Tensor, state: KeyValueCache) -> tuple[Tensor, KeyValueCache]:
        """(B, D), cache -> (B, D), the same cache with one more position."""
        y, state = self.advance(x_t.unsqueeze(1), state)
        return y.squeeze(1), state

    def advance(self, x: Tensor, state: KeyValueCache) -> tuple[Tensor, KeyValueCache]:
        """(B, C, D), cache -> (B, C, D), the same cache with C more positions."""
        q, key, value = self._project(x, state.seen)
        k, v = state.append(key, value)
        return self._output(self._attend(q, k, v, causal=x.shape[1] > 1)), state


class GroupedQueryAttention(Attention):
    """Attention whose heads of queries share num_kv_heads heads of keys and values, H / num_kv_heads neighbours each.

    Source: Ainslie et al. 2023 (GQA), section 2.2; with one of them Shazeer 2019, multi-query attention.
    """

    def __init__(
        self, d_model: int, num_heads: int, num_kv_heads: int, causal: bool = True, positions: str = NO_POSITIONS
    ) -> None:
        super().__init__(d_model, num_heads, causal, positions)
        if num_heads % num_kv_heads:
            raise ValueError(f"num_heads {num_heads} is not divisible by num_kv_heads {num_kv_heads}")
        self.num_kv_heads = num_kv_heads
        self.in_proj = Linear(d_model, d_model + 2 * num_kv_heads * (d_model // num_heads))


class Mixing(nn.Module):
    """What an attention layer does between its projections, with the input as queries, keys and values alike."""

    def __init__(self, layer: Attention) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        layer, heads = self.layer, x.unflatten(-1, (self.layer.num_heads, -1))
        shared = heads[:, :, : layer.num_kv_heads]
        q, k = (layer.positions.rotated(t).transpose(1, 2) for t in (heads, shared))
        return layer._attend(q, k, shared.transpose(1, 2), layer.causal).transpose(1, 2).flatten(2)


class NaiveAttention(Attention):
    """The lesson's attention: scores and weights of (B, H, L, L) in memory, and the weights returned on request."""

    several_kernels = False

    def forward(self, x: Tensor, return_weights: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """(B, L, D) -> (B, L, D), and with return_weights the weights (B, H, L, L) beside it."""
        q, k, v = self._project(x)
        weights = self._weights(q, k, self.causal)
        y = self._output(weights @ v)
        return (y, weights) if return_weights else y

    def _weights(self, q: Tensor, k: Tensor, causal: bool) -> Tensor:
        """softmax(Q K^T / sqrt(E)): two of (B, H, L, E) -> (B, H, L, L)."""
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
        length, keys = scores.shape[-2:]
        bias = self.positions.bias(length, keys, q, causal)
        if bias is not None:
            scores = scores + bias.flip(1)
        if causal:
            future = torch.ones(length, keys, dtype=torch.bool, device=scores.device).triu(1 + keys - length)
            scores = scores.masked_fill(future, -math.inf)
        return scores.softmax(dim=-1)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        return self._weights(q, k, causal) @ v


class RelativeSelfAttention(SequenceMixer):
    """Transformer-XL's attention as a layer: scores of content and of distance, no bias vectors, always causal.

    Its state is the memory: of weights that stand still, the keys and values of hidden states in place of the states
    themselves, and without an end. Source: Dai et al. 2019, section 3.3.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.attention = RelativeAttention(d_model, num_heads, head_dim(d_model, num_heads))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.attention(x, None, by_distance(x.shape[1], x.shape[2], x.dtype, x.device))
        return y

    def initial_state(self, batch_size: int) -> RelativeMemory:
        """An empty memory."""
        return self.attention.empty_memory(batch_size)

    def step(self, x_t: Tensor, state: RelativeMemory) -> tuple[Tensor, RelativeMemory]:
        """(B, D), memory -> (B, D), the same memory with one more position."""
        y, state = self.advance(x_t.unsqueeze(1), state)
        return y.squeeze(1), state

    def advance(self, x: Tensor, state: RelativeMemory) -> tuple[Tensor, RelativeMemory]:
        """(B, C, D), memory -> (B, C, D), the same memory with C more positions."""
        return self.attention.advance(x, state), state
