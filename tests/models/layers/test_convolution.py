"""Stacked convolutions against torch's."""

from __future__ import annotations

import pytest
import torch
from scans import gradients
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.layers.convolution import StackedConvolution


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("kernel_size", "num_layers"), [(1, 2), (2, 3), (3, 1), (4, 2)])
def test_convolution_equals_torchs_conv1d_with_the_same_weights(
    kernel_size: int, num_layers: int, causal: bool
) -> None:
    torch.manual_seed(0)
    module = StackedConvolution(6, kernel_size, num_layers, causal).double()
    theirs = nn.ModuleList(nn.Conv1d(6, 6, kernel_size, dilation=kernel_size**i) for i in range(num_layers)).double()
    for layer, other in zip(module.layers, theirs, strict=True):
        other.load_state_dict({"weight": layer.weight.transpose(1, 2), "bias": layer.bias})

    def other_form(x: Tensor) -> Tensor:
        for i, layer in enumerate(theirs):
            reach = (kernel_size - 1) * kernel_size**i
            sides = (reach, 0) if causal else (reach - reach // 2, reach // 2)
            x = layer(F.pad(x.transpose(1, 2), sides)).transpose(1, 2)
        return x

    x = torch.randn(2, 23, 6, dtype=torch.float64)
    for found, expected in zip(gradients(module, (x,)), gradients(other_form, (x,)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_stacked_convolutions_reach_a_power_of_their_kernel() -> None:
    torch.manual_seed(0)
    module = StackedConvolution(4, 3, 3).double()
    x = torch.randn(1, 40, 4, dtype=torch.float64, requires_grad=True)
    module(x)[0, -1].sum().backward()
    touched = [i for i in range(40) if x.grad[0, i].abs().max() > 0]
    assert touched == list(range(40 - 3**3, 40))


def test_a_convolution_that_sees_the_future_does_not_decode() -> None:
    with pytest.raises(ValueError, match="causal"):
        StackedConvolution(4, 3, causal=False).initial_state(1)
