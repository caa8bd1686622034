"""Restricted self-attention: each position attends to the last `window` positions, its own among them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.costs import NO_POSITIONS
from rnn_vs_attn.models.kernels.kv_cache import KeyValueCache
from rnn_vs_attn.models.layers.attention import Attention

_BLOCKS_AT_ONCE = 64  # on a CPU: gradients of many more windows are new pages of memory in every pass


class LocalAttention(Attention):
    """Multi-head attention over a causal window; compute and memory grow with L * W. Source: Vaswani et al. 2017, 4.

    The first W positions are plain causal attention. The others are cut into blocks of C, and each block multiplies
    with the C + W - 1 keys that any of its positions sees, many blocks in one call of the device's fused kernel.
    """

    several_kernels = False  # its blocks have a mask, which one fused kernel takes

    def __init__(self, d_model: int, num_heads: int, window: int, positions: str = NO_POSITIONS) -> None:
        super().__init__(d_model, num_heads, positions=positions)
        self.window = window

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        """(B, H, L, E) each -> (B, H, L, E)."""
        length, window, block = q.shape[2], self.window, block_size(self.window)
        if length <= window:
            return super()._attend(q, k, v, causal)
        begin = window + (length - window) % block
        mask, of_blocks = self._masks(block, q)
        mixed = [super()._attend(q[:, :, :window], k[:, :, :window], v[:, :, :window], causal)]
        if begin > window:  # a block that is not whole
            near, rest = slice(1, begin), begin - window
            part = mask[..., :rest, : begin - 1]
            mixed.append(F.scaled_dot_product_attention(q[:, :, window:begin], k[:, :, near], v[:, :, near], part))
        at_once = block * _BLOCKS_AT_ONCE if q.device.type == "cpu" else length
        for first in range(begin, length, at_once):
            end = min(first + at_once, length)
            queries = q[:, :, first:end].flatten(0, 1).unflatten(1, (-1, block))
            spans = (t[:, :, first - window + 1 : end].flatten(0, 1) for t in (k, v))
            keys, values = (_Windows.apply(t, block + window - 1, block) for t in spans)
            y = F.scaled_dot_product_attention(queries, keys, values, of_blocks)
            mixed.append(y.reshape(*q.shape[:2], end - first, -1))
        return torch.cat(mixed, dim=2)

    def _masks(self, block: int, q: Tensor) -> tuple[Tensor, Tensor]:
        """What is added to scores of queries (B, H, C, E), and of those of many blocks, (B H, blocks, C, E)."""
        band = _band(block, self.window, q)
        bias = self.positions.bias(block, block + self.window - 1, q, causal=True)
        if bias is None:
            return band, band
        of_heads = (band + bias.flip(1)).unsqueeze(0)
        return of_heads, of_heads.expand(len(q), -1, -1, -1).flatten(0, 1).unsqueeze(1)

    def initial_state(self, batch_size: int) -> KeyValueCache:
        """An empty cache that keeps what the next position sees."""
        weight = self.out_proj.weight
        head_dim = weight.shape[0] // self.num_heads
        return KeyValueCache.empty(weight, batch_size, self.num_heads, head_dim, limit=self.window - 1)

    def advance(self, x: Tensor, state: KeyValueCache) -> tuple[Tensor, KeyValueCache]:
        """(B, C, D), cache -> (B, C, D), the same cache with C more positions."""
        q, key, value = self._project(x, state.seen)
        k, v = state.append(key, value)
        if x.shape[1] == 1:
            return self._output(super()._attend(q, k, v, causal=False)), state
        if k.shape[2] == x.shape[1]:
            return self._output(self._attend(q, k, v, causal=True)), state
        before = F.pad(q, (0, 0, k.shape[2] - q.shape[2], 0))  # queries of the positions before, which nobody asks for
        return self._output(self._attend(before, k, v, causal=True)[:, :, -x.shape[1] :]), state


def block_size(window: int) -> int:
    """Positions that are taken at once: few, as all of them multiply with the keys that any one sees, and enough for
    the kernel, and for windows that overlap by no more than four fifths.
    """
    return max(window // 4, min(max(window, 16), 64))


def _band(block: int, window: int, like: Tensor) -> Tensor:
    """(C, C + W - 1): 0 where position i of a block sees key j, i <= j < i + W, else -inf."""
    i = torch.arange(block, device=like.device).unsqueeze(1)
    j = torch.arange(block + window - 1, device=like.device)
    seen = (j >= i) & (j < i + window)
    return torch.zeros(seen.shape, dtype=like.dtype, device=like.device).masked_fill(~seen, -math.inf)


class _Windows(torch.autograd.Function):
    """Windows of a sequence that overlap, as a view; torch's own gradient of it takes up to a third of the pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, step: int) -> Tensor:
        """(B H, L, E) -> (B H, windows, size, E), one every `step` positions."""
        ctx.shape, ctx.step = x.shape, step
        return x.unfold(1, size, step).transpose(-2, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Added up a part of `step` positions at a time: those of different windows do not overlap."""
        (grad,) = gradients
        (_, length, dim), step = ctx.shape, ctx.step
        found = grad.new_zeros(ctx.shape)
        for begin in range(0, grad.shape[2], step):
            part = grad[:, :, begin : begin + step]
            place = found.as_strided(part.shape, (length * dim, step * dim, dim, 1), begin * dim)
            place += part
        return found, None, None
