"""While lifting, torch's functions make float64 where fewer digits are asked for, and leave everything else alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.measure.gradient.lifting import Lifting

X = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4) / 3

LIFTED: list[Callable[[], Tensor]] = [
    lambda: X.float(),
    lambda: X.half(),
    lambda: X.bfloat16(),
    lambda: X.to(torch.float32),
    lambda: X.to("cpu", torch.float16),
    lambda: X.to(dtype=torch.bfloat16),
    lambda: X.to(torch.zeros(1, dtype=torch.float32)),
    lambda: X.type(torch.float32),
    lambda: X.type("torch.HalfTensor"),
    lambda: X.type(torch.BFloat16Tensor),
    lambda: X.type_as(torch.zeros(1, dtype=torch.float16)),
    lambda: torch.ops.aten._to_copy(X, dtype=torch.float32),
    lambda: torch.zeros(2, dtype=torch.float32) + 1,
    lambda: X.new_zeros(2, dtype=torch.float16),
    lambda: torch.arange(3, dtype=torch.float32) / 3,
    lambda: torch.tensor([0.1], dtype=torch.float32),
    lambda: torch.as_tensor((X.numpy() > 0).astype("float32")),
    lambda: F.softmax(X, -1, dtype=torch.float32),
    lambda: torch.softmax(X, -1, torch.float32),
    lambda: X.sum(0, dtype=torch.float32),
    lambda: (X > 0).float() / 3,
    lambda: nn.Linear(4, 4).float()(X.float()),
    lambda: X @ torch.ones(4, 2, dtype=torch.float32, device=torch.device("cpu")),
]


@pytest.mark.parametrize("made", LIFTED)
def test_fewer_digits_are_not_made(made: Callable[[], Tensor]) -> None:
    with Lifting():
        assert made().dtype == torch.float64


def test_casts_keep_every_digit_and_complex_numbers_too() -> None:
    with Lifting():
        for cast in (X.float(), X.type("torch.FloatTensor"), X.to(torch.bfloat16)):
            assert torch.equal(cast, X)
        assert torch.equal(X.cfloat().real, X)
        assert torch.fft.fft(X.to(torch.complex64)).dtype == torch.complex128


def test_a_cast_is_memory_of_its_own_and_what_is_no_cast_is_not() -> None:
    with Lifting():
        for cast in (X.float(), X.to(torch.float32), X.type(torch.float32)):
            assert cast.data_ptr() != X.data_ptr()
        assert X.view(4, 3).data_ptr() == X.data_ptr()


def test_tensors_of_fewer_digits_from_before_are_lifted_beside_others_and_left_alone_by_themselves() -> None:
    before = torch.full((4,), 0.1, dtype=torch.float32)
    with Lifting():
        assert torch.equal(X * before, X * before.double())
        assert torch.equal(torch.einsum("ij,j->i", X, before), torch.mv(X, before.double()))
        assert torch.cat([X[0], before]).dtype == torch.float64
        assert before[:2].dtype == torch.float32
        before.add_(X[0])
    assert before.dtype == torch.float32


def test_whole_numbers_and_truth_values_stay_what_they_are() -> None:
    with Lifting():
        assert X.long().dtype == torch.int64
        assert torch.zeros(2, dtype=torch.bool).dtype == torch.bool
        assert X.argmax().dtype == torch.int64


def test_gradients_asked_for_within_are_those_of_the_lifted_functions() -> None:
    x = X.clone().requires_grad_()
    with Lifting():
        (found,) = torch.autograd.grad(x.float().exp().sum(), x)
        x.float().exp().sum().backward()
        torch.autograd.backward(x.float().exp().sum())
    assert torch.equal(found, X.exp())
    assert x.grad is not None
    assert torch.allclose(x.grad, 2 * X.exp(), rtol=1e-15)


def test_afterwards_torch_is_as_it_was() -> None:
    with Lifting():
        pass
    assert X.float().dtype == torch.float32
