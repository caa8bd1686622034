"""The chunked form against the loop and against the matrix that it is, with all gradients, and its rounding."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from scans import gradients, rounding
from torch import Tensor

from rnn_vs_attn.models.kernels.ssd import sequential, ssd

NEVER, ALWAYS = -1e4, 0.0  # logarithms of a decay that keeps nothing, and of one that keeps all


def given(length: int, log_a: float | None = None, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """x, log_a, b, c and the state before: 2 heads of 3, 4 numbers of state. Gates as drawn, or all the same."""
    generator = torch.Generator().manual_seed(length)
    shapes = ((2, length, 2, 3), (2, length, 2), (2, length, 4), (2, length, 4), (2, 4, 2, 3))
    x, gates, b, c, state = (torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes)
    logs = -gates.exp() if log_a is None else torch.full_like(gates, log_a)
    kind = torch.rand(logs.shape, generator=generator)
    if log_a is None:
        logs = logs.masked_fill(kind < 0.1, NEVER).masked_fill(kind > 0.9, ALWAYS)
    return tuple(t.to(dtype) for t in (x, logs, b, c, state))


def joined(form: Any) -> Any:
    """Output and the state after it, as one tensor."""

    def run(*inputs: Tensor) -> Tensor:
        return torch.cat([t.flatten() for t in form(*inputs)])

    return run


@pytest.mark.long
@pytest.mark.parametrize("log_a", [None, NEVER, ALWAYS])
@pytest.mark.parametrize(("length", "chunk"), [(1, 8), (7, 8), (8, 8), (9, 8), (24, 8), (37, 8), (37, 64), (150, 4)])
def test_chunks_equal_the_loop_with_all_gradients(length: int, chunk: int, log_a: float | None) -> None:
    inputs = given(length, log_a)
    forms = (joined(partial(ssd, chunk=chunk)), joined(sequential))
    for found, expected in zip(*(gradients(form, inputs) for form in forms), strict=True):
        assert found.isfinite().all()
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_it_is_a_product_with_a_masked_matrix() -> None:
    """Dao and Gu 2024, equation 6: Y = (L o C B^T) X, where L_ij is the product of a from j + 1 to i."""
    x, log_a, b, c, state = given(9)
    gates = torch.zeros(2, 9, 9, 2, dtype=torch.float64)
    for i in range(9):
        for j in range(i + 1):
            gates[:, i, j] = log_a[:, j + 1 : i + 1].sum(1).exp()
    expected = torch.einsum("bijh,bin,bjn,bjhe->bihe", gates, c, b, x)
    found, _ = ssd(x, log_a, b, c, torch.zeros_like(state), chunk=4)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("log_a", [None, ALWAYS])
@pytest.mark.parametrize("length", [64, 1000])
def test_float32_is_within_its_rounding(length: int, log_a: float | None) -> None:
    """Of the sum of absolute values of what is added up, though decays of 1 follow one of exp(-10,000): a difference of
    sums in float32 has an error of 1 in 1,000 there.
    """
    inputs = given(length, log_a, torch.float32)
    exact = tuple(t.double() for t in inputs)
    size, _ = sequential(*(t if i == 1 else t.abs() for i, t in enumerate(exact)))
    found, expected = ssd(*inputs)[0], sequential(*exact)[0]
    assert float(((found - expected).abs() / size).max()) < rounding(length) + 64 * 2.0**-24


@pytest.mark.parametrize("cut", [1, 8, 13, 36])
def test_a_state_handed_over_is_one_long_call(cut: int) -> None:
    *inputs, state = given(37)
    whole, last = ssd(*inputs, state, chunk=8)
    first, between = ssd(*(t[:, :cut] for t in inputs), state, chunk=8)
    second, after = ssd(*(t[:, cut:] for t in inputs), between, chunk=8)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(after, last, rtol=1e-10, atol=1e-10)
