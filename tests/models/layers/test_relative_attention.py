"""Relative attention against its formula, pair by pair."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rnn_vs_attn.models.layers.relative_attention import RelativeAttention, by_distance, shifted


@pytest.mark.parametrize(("length", "keys"), [(1, 1), (1, 5), (4, 4), (3, 8), (7, 9)])
def test_the_shift_puts_every_distance_under_its_key(length: int, keys: int) -> None:
    scores = torch.arange(length * (keys + 1), dtype=torch.float64).view(1, length, keys + 1)
    moved = shifted(scores)
    assert moved.shape == (1, length, keys)
    for i in range(length):
        for j in range(i + keys - length + 1):
            distance = i + keys - length - j
            assert moved[0, i, j] == scores[0, i, keys - 1 - distance]


def by_pairs(layer: RelativeAttention, x: Tensor, memory: Tensor) -> Tensor:
    """Section 3.3 word by word: (a) content, (b) position by content, (c) u over content, (d) v over position."""
    both = torch.cat([memory, x], dim=1)
    width = layer.num_heads * layer.head_dim
    w_q, w_k, w_v = layer.in_proj.weight.split(width)
    u, v = layer.biases
    out = torch.zeros(*x.shape[:2], width, dtype=x.dtype)
    for b in range(x.shape[0]):
        for head in range(layer.num_heads):
            of_head = slice(head * layer.head_dim, (head + 1) * layer.head_dim)
            for i in range(x.shape[1]):
                query = w_q[of_head] @ x[b, i]
                scores = []
                for j in range(memory.shape[1] + i + 1):
                    key = w_k[of_head] @ both[b, j]
                    distance = memory.shape[1] + i - j
                    r = (
                        layer.position_proj.weight[of_head]
                        @ by_distance(distance + 1, x.shape[2], x.dtype, x.device)[-1]
                    )
                    scores.append((query @ key + query @ r + u[head] @ key + v[head] @ r) / math.sqrt(layer.head_dim))
                weights = torch.stack(scores).softmax(0)
                values = torch.stack([w_v[of_head] @ both[b, j] for j in range(len(scores))])
                out[b, i, of_head] = weights @ values
    return layer.out_proj(out)


@pytest.mark.parametrize(("length", "earlier"), [(1, 0), (5, 0), (4, 3), (1, 6), (3, 8)])
def test_relative_attention_is_the_formula_pair_by_pair(length: int, earlier: int) -> None:
    torch.manual_seed(0)
    layer = RelativeAttention(12, 3, 5).double()
    with torch.no_grad():
        for bias in layer.biases:
            bias.normal_()
    x, memory = torch.randn(2, length, 12).double(), torch.randn(2, earlier, 12).double()
    positions = by_distance(earlier + length, 12, x.dtype, x.device)
    found = layer(x, memory, positions)
    torch.testing.assert_close(found, by_pairs(layer, x, memory), rtol=1e-10, atol=1e-10)


def test_sinusoids_are_sines_then_cosines() -> None:
    table = by_distance(4, 6, torch.float64, torch.device("cpu"))
    assert table.shape == (4, 6)
    torch.testing.assert_close(table[0], torch.tensor([0.0, 0, 0, 1, 1, 1]).double())
    assert table[3, 1] == pytest.approx(math.sin(3 / 10000 ** (2 / 6)))
    assert table[3, 4] == pytest.approx(math.cos(3 / 10000 ** (2 / 6)))
