"""minGRU's scan against its loop, with all gradients, and its rounding."""

from __future__ import annotations

import pytest
import torch
from scans import gradients, rounding
from torch import Tensor

from rnn_vs_attn.models.kernels.scan import scan, sequential

LENGTHS = [1, 2, 7, 8, 9, 15, 16, 17, 64, 100, 127, 128, 129, 512, 1000, 1024]


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


@pytest.mark.slow
@pytest.mark.parametrize("length", [4096, 16_384, 16_000])
@pytest.mark.parametrize("kept", ["mixed", "all", "none", "nearly all"])
def test_scan_of_a_long_sequence(length: int, kept: str) -> None:
    a, b, state = coefficients(length, torch.float64, width=3)
    a = {"mixed": a, "all": torch.ones_like(a), "none": torch.zeros_like(a), "nearly all": 1 - 1e-4 * a}[kept]
    for found, expected in zip(gradients(scan, (a, b, state)), gradients(sequential, (a, b, state)), strict=True):
        largest = expected.abs().max().clamp_min(1.0)
        assert float((found - expected).abs().max() / largest) < 1e-9


@pytest.mark.long
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
