"""Sequences cut into chunks and put together, and states over chunks by hand."""

from __future__ import annotations

import pytest
import torch

from rnn_vs_attn.models.kernels.chunks import in_chunks, joined, states_between


@pytest.mark.parametrize("length", [1, 6, 7, 8])
def test_chunks_hold_the_sequence_and_zeros_behind_it(length: int) -> None:
    t = torch.randn(2, length, 3, 5)
    found = in_chunks(t, 4)
    assert found.shape == (-(-length // 4), 2, 3, 4, 5)
    assert torch.equal(joined(found, length), t)
    assert float(found.abs().sum()) == pytest.approx(float(t.abs().sum()))
    assert torch.equal(in_chunks(t[..., 0], 4), found[..., 0])


def test_states_between_are_those_of_the_loop() -> None:
    keep, add, state = torch.randn(3, 2, 1, 4, 4), torch.randn(3, 2, 1, 4, 5), torch.randn(2, 1, 4, 5)
    before, after = states_between(keep, add, state)
    for keep_n, add_n, found in zip(keep, add, before, strict=True):
        torch.testing.assert_close(found, state)
        state = keep_n @ state + add_n
    torch.testing.assert_close(after, state)


@pytest.mark.long
@pytest.mark.parametrize("chunks", [1, 3])
def test_gradients_of_the_states_are_those_of_finite_differences(chunks: int) -> None:
    torch.manual_seed(0)
    sizes = (chunks, 2, 1, 3, 3), (chunks, 2, 1, 3, 4), (2, 1, 3, 4)
    given = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]
    assert torch.autograd.gradcheck(states_between, given)
