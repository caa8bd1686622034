"""The gated delta rule in chunks against its loop and the paper's matrices."""

from __future__ import annotations

import pytest
import torch
from scans import gradients
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.kernels.gated_delta_rule import CHUNK, chunked, sequential

LENGTHS = [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 100]


def given(length: int, width: int = 4, batch_size: int = 2, num_heads: int = 3) -> tuple[Tensor, ...]:
    """q, k, v, log a, b and the state before them; a tenth of all a are 0, of all b 0 or 1, and keys repeat."""
    generator = torch.Generator().manual_seed(length)
    size = (batch_size, length, num_heads)
    q, k, v = torch.randn(3, *size, width, generator=generator, dtype=torch.float64)
    k[:, length // 2 :: 3] = k[:, :1].clone()
    a, b, kind = torch.rand(3, *size, generator=generator, dtype=torch.float64)
    a = torch.where(kind < 0.1, 0.0, a.sqrt())
    b = torch.where(kind > 0.9, 1.0, torch.where(kind > 0.8, 0.0, b))
    state = torch.randn(batch_size, num_heads, width, width, generator=generator, dtype=torch.float64)
    return F.normalize(q, dim=-1), F.normalize(k, dim=-1), v, a.log(), b, state


def both(run: object, *tensors: Tensor) -> Tensor:
    """What it returns as one vector: outputs and the state after them."""
    return torch.cat([t.flatten() for t in run(*tensors)])  # type: ignore[operator]


@pytest.mark.long
@pytest.mark.parametrize("length", LENGTHS)
def test_chunks_are_the_loop_with_all_gradients(length: int) -> None:
    tensors = given(length)
    found, expected = (gradients(lambda *t, run=run: both(run, *t), tensors) for run in (chunked, sequential))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_any_chunk_gives_the_same(chunk: int) -> None:
    tensors = given(50)
    torch.testing.assert_close(
        both(lambda *t: chunked(*t, chunk=chunk), *tensors), both(chunked, *tensors), rtol=1e-11, atol=1e-11
    )


def test_the_loop_is_the_papers_product_of_matrices() -> None:
    """S_t = S_(t-1) (a_t (I - b_t k_t k_t^T)) + b_t v_t k_t^T and y_t = S_t q_t, of one head, matrices written out."""
    q, k, v, log_a, b, state = given(9, batch_size=1, num_heads=1)
    matrix, found = state[0, 0].T, []
    for t in range(9):
        k_t, a_t, b_t = k[0, t, 0], log_a[0, t, 0].exp(), b[0, t, 0]
        transition = a_t * (torch.eye(4) - b_t * torch.outer(k_t, k_t))
        matrix = matrix @ transition + b_t * torch.outer(v[0, t, 0], k_t)
        found.append(matrix @ q[0, t, 0])
    y, after = sequential(q, k, v, log_a, b, state)
    torch.testing.assert_close(y[0, :, 0], torch.stack(found), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(after[0, 0].T, matrix, rtol=1e-12, atol=1e-12)


def test_a_key_that_is_read_after_it_was_written_gives_its_value() -> None:
    """With b = 1 and no decay the state holds what was written last for a key: the delta rule's promise."""
    _, k, v, log_a, b, state = given(60)
    y, _ = chunked(k, k, v, torch.zeros_like(log_a), torch.ones_like(b), state)
    torch.testing.assert_close(y, v, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("log_a", [0.0, -1e4, -1e30, -torch.inf])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_gates_that_are_shut_or_open_are_finite_and_right(log_a: float, rate: float) -> None:
    q, k, v, logs, b, state = given(40)
    tensors = (q, k, v, torch.full_like(logs, log_a), torch.full_like(b, rate), state)
    found, expected = (gradients(lambda *t, run=run: both(run, *t), tensors) for run in (chunked, sequential))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


def test_a_decay_after_one_that_forgets_all_keeps_its_digits() -> None:
    """The sum of logarithms is then large: in float32 its differences would be off by a tenth."""
    tensors = [t.float() for t in given(40)]
    tensors[3] = torch.full_like(tensors[3], -0.01)
    tensors[3][:, 5] = -1e6
    exact = both(sequential, *(t.double() for t in tensors))
    assert float((both(chunked, *tensors) - exact).abs().max()) < 1e-5


@pytest.mark.long
@pytest.mark.parametrize("length", [64, 1000])
def test_chunks_in_float32_are_within_their_rounding(length: int) -> None:
    """Each value is a sum of `length` terms at most, and of what a chunk adds to them, each rounded once."""
    tensors = tuple(t.float() for t in given(length, width=16, batch_size=1))
    found = gradients(lambda *t: both(chunked, *t), tensors)
    expected = gradients(lambda *t: both(sequential, *t), tuple(t.double() for t in tensors))
    for mine, theirs in zip(found, expected, strict=True):
        assert float((mine - theirs).abs().max()) <= (length + 3 * CHUNK) * 2.0**-24 * float(theirs.abs().max())
