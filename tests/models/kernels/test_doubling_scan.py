"""The scan by doubling against the loop, with all gradients."""

from __future__ import annotations

import pytest
import torch
from scans import gradients

from rnn_vs_attn.models.kernels.doubling_scan import doubling_scan
from rnn_vs_attn.models.kernels.scan import sequential


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 40])
def test_it_equals_the_loop_with_all_gradients(length: int, width: int) -> None:
    """width: of the factor, one for all of a position's state or one for each number. Some are 0 and some 1."""
    torch.manual_seed(0)
    a, b, state = torch.rand(2, length, width), torch.randn(2, length, 3), torch.randn(2, 3)
    a = a.masked_fill(a < 0.2, 0.0).masked_fill(a > 0.8, 1.0)
    given = (a.double(), b.double(), state.double())
    for found, expected in zip(*(gradients(form, given) for form in (doubling_scan, sequential)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
