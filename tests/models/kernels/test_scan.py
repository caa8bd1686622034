"""minGRU's scan, convolutions and restricted attention against their definitions, with all gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.kernels.scan import RADIX, scan, sequential
from rnn_vs_attn.models.layers.attention import Attention
from rnn_vs_attn.models.layers.convolution import StackedConvolution
from rnn_vs_attn.models.layers.local_attention import LocalAttention, block_size
from rnn_vs_attn.models.layers.mingru import MinGRU
from rnn_vs_attn.models.mixer import advance, initial_state
from rnn_vs_attn.models.registry import find

LENGTHS = [1, 2, 7, 8, 9, 15, 16, 17, 64, 100, 127, 128, 129, 512, 1000, 1024]


def gradients(run: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Output and the gradients of all inputs, under a fixed random gradient of the output."""
    inputs = tuple(t.detach().clone().requires_grad_() for t in inputs)
    y = run(*inputs)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(y.dtype)
    return (y.detach(), *torch.autograd.grad(y, inputs, grad))


# The scan


def coefficients(length: int, dtype: torch.dtype, width: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """a in [0, 1], a quarter of them 0 and a quarter 1; b and the state before."""
    generator = torch.Generator().manual_seed(length)
    a = torch.rand(2, length, width, generator=generator, dtype=torch.float64)
    kind = torch.randint(4, a.shape, generator=generator)
    a = a.masked_fill(kind == 0, 0.0).masked_fill(kind == 1, 1.0)
    b, state = (torch.randn(*s, generator=generator, dtype=torch.float64) for s in ((2, length, width), (2, width)))
    return a.to(dtype), b.to(dtype), state.to(dtype)


@pytest.mark.parametrize("length", LENGTHS)
def test_scan_equals_the_loop_with_all_gradients(length: int) -> None:
    given = coefficients(length, torch.float64)
    for found, expected in zip(gradients(scan, given), gradients(sequential, given), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("length", [4096, 16_384, 16_000])
@pytest.mark.parametrize("kept", ["mixed", "all", "none", "nearly all"])
def test_scan_of_a_long_sequence(length: int, kept: str) -> None:
    a, b, state = coefficients(length, torch.float64, width=3)
    a = {"mixed": a, "all": torch.ones_like(a), "none": torch.zeros_like(a), "nearly all": 1 - 1e-4 * a}[kept]
    for found, expected in zip(gradients(scan, (a, b, state)), gradients(sequential, (a, b, state)), strict=True):
        largest = expected.abs().max().clamp_min(1.0)
        assert float((found - expected).abs().max() / largest) < 1e-9


def rounding(length: int) -> float:
    """The relative error that float32 may make of each term of a sum over `length` positions by the scan.

    A term is multiplied and added 2 RADIX times on the way down and as often on the way up of log_RADIX levels, each
    time with an error of 2^-24.
    """
    levels = math.ceil(math.log(max(length, RADIX), RADIX))
    return 4 * RADIX * levels * 2.0**-24


@pytest.mark.parametrize("length", [64, 1000, 16_384])
@pytest.mark.parametrize("kept", ["mixed", "all"])
def test_scan_in_float32_is_within_its_rounding(length: int, kept: str) -> None:
    """Against float64 on the same coefficients, as a part of the sum of absolute values of what is added up."""
    a, b, state = coefficients(length, torch.float32, width=3)
    a = torch.ones_like(a) if kept == "all" else a
    exact = tuple(t.double() for t in (a, b, state))
    found = gradients(scan, (a, b, state))
    expected = gradients(sequential, exact)
    size = sequential(exact[0], exact[1].abs(), exact[2].abs())
    assert float(((found[0] - expected[0]).abs() / size.clamp_min(1e-30)).max()) < rounding(length)
    for mine, theirs in zip(found[1:], expected[1:], strict=True):
        grad_size = length if kept == "all" else 8 * length**0.5
        assert float((mine - theirs).abs().max()) < rounding(length) * grad_size * float(
            theirs.abs().max().clamp_min(1)
        )


def test_rounding_is_tight_enough_to_notice_lost_digits() -> None:
    assert rounding(16_384) < 1e-5


# minGRU


@pytest.mark.parametrize("length", [1, 8, 37, 256, 1000])
@pytest.mark.parametrize("gate", [0.0, 1000.0, -1000.0])
def test_mingru_has_three_forms_that_agree(length: int, gate: float) -> None:
    """Gates all open, all shut, or as drawn."""
    torch.manual_seed(0)
    module = MinGRU(6).double()
    with torch.no_grad():
        module.in_proj.bias[6:] += gate
    x = torch.randn(2, length, 6, dtype=torch.float64)
    parameters = tuple(module.parameters())

    def run(form: Any) -> Any:
        def call(given: Tensor, *values: Tensor) -> Tensor:
            names = [name for name, _ in module.named_parameters()]
            return (
                torch.func.functional_call(module, dict(zip(names, values, strict=True)), (given,))
                if form
                else seq(given, values)
            )

        return call

    def seq(given: Tensor, values: tuple[Tensor, ...]) -> Tensor:
        candidate, z = F.linear(given, *values).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        h, found = torch.zeros_like(candidate[:, 0]), []
        for t in range(length):
            h = (1 - z[:, t]) * h + z[:, t] * candidate[:, t]
            found.append(h)
        return torch.stack(found, 1)

    parallel = gradients(run(True), (x, *parameters))
    loop = gradients(run(False), (x, *parameters))
    for found, expected in zip(parallel, loop, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(module.sequential(x), loop[0], rtol=1e-10, atol=1e-10)
        state, steps = module.initial_state(2), []
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            steps.append(y_t)
    torch.testing.assert_close(torch.stack(steps, 1), loop[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_mingru_keeps_its_digits_in_every_dtype(dtype: torch.dtype) -> None:
    """Gates and state are float32 at least, so scan and loop differ by its rounding, not by that of dtype."""
    torch.manual_seed(0)
    module = MinGRU(8).to(dtype)
    x = torch.randn(2, 2048, 8).to(dtype)
    with torch.no_grad():
        assert module._coefficients(x)[0].dtype == torch.float32
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert found.isfinite().all()
    assert float((found - expected).abs().max()) <= scale * (torch.finfo(dtype).eps + rounding(2048))


@pytest.mark.parametrize("cut", [1, 8, 13, 36])
@pytest.mark.parametrize("name", ["mingru", "conv", "attention-local"])
def test_a_sequence_in_two_pieces_is_the_whole(name: str, cut: int) -> None:
    torch.manual_seed(0)
    module = build(find(name), Shape(2, 37, 8, 2, 2, kernel_size=3, window=5)).double()
    x = torch.randn(2, 37, 8, dtype=torch.float64)
    with torch.no_grad():
        first, state = advance(module, x[:, :cut], initial_state(module, 2))
        second, state = advance(module, x[:, cut:], state)
        torch.testing.assert_close(torch.cat([first, second], 1), module(x), rtol=1e-10, atol=1e-10)


# Convolution


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


# Restricted attention


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
