"""The scan of a constant factor against its loop, with all gradients, and its rounding."""

from __future__ import annotations

import math

import pytest
import torch
from scans import gradients
from torch import Tensor

from rnn_vs_attn.models.kernels.constant_scan import RADIX, constant_scan

LENGTHS = [1, 2, 7, 8, 9, 15, 16, 17, 64, 100, 129, 1000]
MODULI = [0.0, 0.3, 0.9, 0.999, 1.0]


def loop(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    found = []
    for b_t in b.unbind(1):
        state = a * state + b_t
        found.append(state)
    return torch.stack(found, 1)


def given(length: int, dtype: torch.dtype = torch.complex128) -> tuple[Tensor, Tensor, Tensor]:
    """a of all moduli from 0 to 1, b and the state before."""
    generator = torch.Generator().manual_seed(length)
    phases = 2 * math.pi * torch.rand(len(MODULI), generator=generator, dtype=torch.float64)
    a = torch.polar(torch.tensor(MODULI, dtype=torch.float64), phases)
    shapes = ((2, length, len(MODULI)), (2, len(MODULI)))
    b, state = (torch.randn(*s, generator=generator, dtype=torch.complex128) for s in shapes)
    return tuple((t if dtype.is_complex else t.real).to(dtype) for t in (a, b, state))


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.complex128, torch.float64])
@pytest.mark.parametrize("length", LENGTHS)
def test_scan_equals_the_loop_with_all_gradients(length: int, dtype: torch.dtype) -> None:
    for found, expected in zip(*(gradients(form, given(length, dtype)) for form in (constant_scan, loop)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_gradients_of_complex_numbers_are_those_of_finite_differences() -> None:
    inputs = tuple(t.requires_grad_() for t in given(17))
    assert torch.autograd.gradcheck(constant_scan, inputs, fast_mode=True)


@pytest.mark.long
@pytest.mark.parametrize("length", [64, 1000, 16_384])
def test_scan_in_complex64_is_within_its_rounding(length: int) -> None:
    """Of the sum of absolute values of what is added up; a itself is rounded before. A term is multiplied and added at
    most RADIX + 1 times a level of log_RADIX levels, each time with an error of 4 times 2^-24.
    """
    a, b, state = given(length, torch.complex64)
    exact = a.to(torch.complex128)
    found = constant_scan(a, b, state)
    expected = loop(exact, b.to(torch.complex128), state.to(torch.complex128))
    size = loop(exact.abs(), b.abs().double(), state.abs().double())
    bound = 4 * (RADIX + 1) * math.ceil(math.log(length, RADIX)) * 2.0**-24
    assert bound < 2e-5
    assert float(((found - expected).abs() / size).max()) < bound
