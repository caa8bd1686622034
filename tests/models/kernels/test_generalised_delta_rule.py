"""The generalised delta rule in chunks against its loop, the paper's matrices and the gated delta rule."""

from __future__ import annotations

import pytest
import torch
from scans import gradients
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.kernels import gated_delta_rule
from rnn_vs_attn.models.kernels.generalised_delta_rule import CHUNK, LEAST_LOG, chunked, sequential

LENGTHS = [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 100]


def given(length: int, width: int = 4, batch_size: int = 2, num_heads: int = 3) -> tuple[Tensor, ...]:
    """r, log w, k, v, n, c and the state before them; a quarter of all w are as small as they get, a quarter 1, rates a
    0, 1 or between.
    """
    generator = torch.Generator().manual_seed(length)
    size = (batch_size, length, num_heads, width)
    r, k, v, n = torch.randn(4, *size, generator=generator, dtype=torch.float64)
    log_w, rate, kind = torch.rand(3, *size, generator=generator, dtype=torch.float64)
    log_w = LEAST_LOG * torch.where(kind < 0.25, 1.0, torch.where(kind > 0.75, 0.0, log_w))
    rate = torch.where((kind * 8).floor() % 4 == 0, 1.0, torch.where((kind * 8).floor() % 4 == 1, 0.0, rate))
    n = F.normalize(n, dim=-1)
    state = torch.randn(batch_size, num_heads, width, width, generator=generator, dtype=torch.float64)
    return r, log_w, k, v, n, rate * n, state


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
        both(lambda *t: chunked(*t, chunk=chunk), *tensors), both(chunked, *tensors), rtol=1e-10, atol=1e-10
    )


def test_the_loop_is_the_papers_product_of_matrices() -> None:
    """S_t = S_(t-1) (diag(w_t) - n_t^T (a_t n_t)) + v_t^T k_t of row vectors, and y_t = r_t S_t^T, of one head."""
    r, log_w, k, v, n, c, state = given(9, batch_size=1, num_heads=1)
    matrix, found = state[0, 0].T, []
    for t in range(9):
        transition = torch.diag(log_w[0, t, 0].exp()) - torch.outer(n[0, t, 0], c[0, t, 0])
        matrix = matrix @ transition + torch.outer(v[0, t, 0], k[0, t, 0])
        found.append(r[0, t, 0] @ matrix.T)
    y, after = sequential(r, log_w, k, v, n, c, state)
    torch.testing.assert_close(y[0, :, 0], torch.stack(found), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(after[0, 0].T, matrix, rtol=1e-12, atol=1e-12)


def test_one_decay_for_all_channels_makes_it_the_gated_delta_rule() -> None:
    q, n, v, log_a, b, state = given(100)[:1] + given(100)[4:5] + given(100)[3:4] + _gates(100) + given(100)[6:]
    log_w, rate = log_a.unsqueeze(-1).expand_as(q), b.unsqueeze(-1)
    found = chunked(q, log_w, rate * n, v, n, log_w.exp() * rate * n, state)
    expected = gated_delta_rule.sequential(q, n, v, log_a, b, state)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def _gates(length: int) -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 2, length, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return LEAST_LOG * a, b


@pytest.mark.long
@pytest.mark.parametrize("log_w", [0.0, LEAST_LOG])
@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gates_at_their_ends_are_finite_and_right(log_w: float, rate: float, dtype: torch.dtype) -> None:
    """With all decays as small as they get the quotients of a chunk are as large as they get."""
    r, logs, k, v, n, _, state = (t.to(dtype) for t in given(70))
    tensors = (r, torch.full_like(logs, log_w), k, v, n, rate * n, state)
    found = gradients(lambda *t: both(chunked, *t), tensors)
    expected = gradients(lambda *t: both(sequential, *t), tuple(t.double() for t in tensors))
    tolerance = 1e-9 if dtype == torch.float64 else rounding(70)
    for mine, theirs in zip(found, expected, strict=True):
        assert float((mine - theirs).abs().max()) <= tolerance * max(1.0, float(theirs.abs().max()))


def rounding(length: int) -> float:
    """Of a sum of `length` terms at most in float32 and of what a chunk adds to them, each rounded once; and of the two
    quotients of a decay, whose logarithms reach CHUNK * LEAST_LOG.
    """
    return (length + 3 * CHUNK + 2 * CHUNK * -LEAST_LOG) * 2.0**-24


@pytest.mark.long
@pytest.mark.parametrize("length", [64, 1000])
def test_chunks_in_float32_are_within_their_rounding(length: int) -> None:
    tensors = tuple(t.float() for t in given(length, width=16, batch_size=1))
    found = gradients(lambda *t: both(chunked, *t), tensors)
    expected = gradients(lambda *t: both(sequential, *t), tuple(t.double() for t in tensors))
    for mine, theirs in zip(found, expected, strict=True):
        assert float((mine - theirs).abs().max()) <= rounding(length) * float(theirs.abs().max())
