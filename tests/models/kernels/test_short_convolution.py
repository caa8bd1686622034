"""The short convolution against torch's own, with all gradients."""

from __future__ import annotations

import pytest
import torch
from scans import gradients
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.kernels.short_convolution import short_convolution


def of_torch(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv1d(x.transpose(1, 2), weight.unsqueeze(1), bias, groups=len(bias)).transpose(1, 2)


@pytest.mark.parametrize(("length", "kernel_size"), [(1, 4), (2, 4), (9, 4), (5, 1), (7, 3)])
def test_it_is_a_convolution_of_each_channel(length: int, kernel_size: int) -> None:
    torch.manual_seed(0)
    shapes = ((2, kernel_size - 1 + length, 5), (5, kernel_size), (5,))
    given = tuple(torch.randn(*shape, dtype=torch.float64) for shape in shapes)
    for found, expected in zip(*(gradients(form, given) for form in (short_convolution, of_torch)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
