"""Restricted attention against attention under a band."""

from __future__ import annotations

import pytest
import torch
from scans import gradients
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers.attention import Attention
from rnn_vs_attn.models.layers.local_attention import LocalAttention, block_size
from rnn_vs_attn.models.registry import find


@pytest.mark.long
@pytest.mark.parametrize(
    ("length", "window"),
    [(37, 1), (37, 2), (37, 5), (37, 36), (37, 37), (37, 64), (130, 16), (200, 70), (333, 65), (1100, 2)],
)
def test_restricted_attention_is_attention_under_a_band(length: int, window: int) -> None:
    torch.manual_seed(0)
    module = LocalAttention(8, 2, window).double()
    full = Attention(8, 2).double()
    full.load_state_dict(module.state_dict())
    i = torch.arange(length)
    seen = (i[:, None] >= i) & (i[:, None] - i < window)

    def banded(x: Tensor) -> Tensor:
        q, k, v = full._project(x)
        return full._output(F.scaled_dot_product_attention(q, k, v, attn_mask=seen))

    x = torch.randn(2, length, 8, dtype=torch.float64)
    for found, expected in zip(gradients(module, (x,)), gradients(banded, (x,)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("window", [1, 16, 64, 256, 1024])
def test_restricted_attention_multiplies_in_proportion_to_length_and_window(window: int) -> None:
    """From a length to twice it: twice the pairs but for the first window; and at most 2.3 times those of the band."""
    costs = find("attention-local").costs
    band = [costs.pairs(Shape(1, n, 8, 1, window=window)) for n in (8192, 16_384, 32_768)]
    assert band[2] - band[1] == 2 * (band[1] - band[0])
    if window >= 16:
        length = 8 * window
        layer = LocalAttention(1, 1, window)
        q = torch.randn(1, 1, length, 1)
        with torch.no_grad():
            multiplied = flops.count(lambda: layer._attend(q, q, q, causal=True)).flops
        needed = costs.mixing(Shape(1, length, 1, 1, window=window)).forward
        assert needed <= multiplied <= 2.3 * needed
    assert block_size(window) <= max(64, window // 4)
