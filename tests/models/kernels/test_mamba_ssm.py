"""What mamba-ssm's scan is given, so that it computes what this program's own kernel does."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from played_kernels import play
from scans import gradients
from torch import Tensor

from rnn_vs_attn.models.layers import mamba2


@pytest.fixture
def mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> Any:
    play(monkeypatch)
    return importlib.import_module("rnn_vs_attn.models.kernels.mamba_ssm")


def given() -> list[Tensor]:
    """x, dt, A, B, C, D and S of batch 2, 21 positions, 3 heads of 4 channels, 5 numbers of state."""
    generator = torch.Generator().manual_seed(3)
    shapes = [(2, 21, 3, 4), (2, 21, 3), (3,), (2, 21, 5), (2, 21, 5), (3,), (2, 5, 3, 4)]
    x, dt, a, b, c, skip, state = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    return [x, dt.exp(), -a.exp(), b, c, skip, state]


def test_outputs_states_and_gradients_are_those_of_the_own_kernel(mamba_ssm: Any) -> None:
    def run(kernel: Any) -> Any:
        def called(*tensors: Tensor) -> Tensor:
            return torch.cat([t.flatten() for t in kernel(*tensors)])

        return called

    tensors = [t.float().double() for t in given()]
    expected = gradients(run(mamba2._chunked), tensors)
    found = gradients(run(mamba_ssm.state_space), tensors)
    for mine, right in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-6, atol=1e-6)  # D and its gradient are of float32 there


def test_the_state_after_a_piece_is_the_one_before_the_next(mamba_ssm: Any) -> None:
    x, dt, a, b, c, skip, state = given()
    whole, last = mamba_ssm.state_space(x, dt, a, b, c, skip, state)
    first, between = mamba_ssm.state_space(x[:, :8], dt[:, :8], a, b[:, :8], c[:, :8], skip, state)
    second, after = mamba_ssm.state_space(x[:, 8:], dt[:, 8:], a, b[:, 8:], c[:, 8:], skip, between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(after, last)
    assert after.shape == state.shape
