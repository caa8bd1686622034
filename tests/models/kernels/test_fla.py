"""What flash-linear-attention's operations are given, so that they compute what this program's own kernels do."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from played_kernels import play
from scans import gradients
from torch import Tensor

from rnn_vs_attn.models.kernels import gated_delta_rule, generalised_delta_rule, linear_attention
from rnn_vs_attn.models.layers import gated_deltanet, retention

SIZE = (2, 21, 3, 4)  # B, L, H, E


@pytest.fixture
def fla(monkeypatch: pytest.MonkeyPatch) -> Any:
    play(monkeypatch)
    return importlib.import_module("rnn_vs_attn.models.kernels.fla")


def drawn(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def joined(*parts: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def assert_alike(mine: Any, theirs: Any, tensors: list[Tensor]) -> None:
    """Outputs, states after them and all gradients."""
    for found, expected in zip(gradients(mine, tensors), gradients(theirs, tensors), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_linear_attention_with_its_normaliser(fla: Any) -> None:
    def run(kernel: Any) -> Any:
        def called(q: Tensor, k: Tensor, v: Tensor, matrix: Tensor, normaliser: Tensor) -> Tensor:
            read = kernel(q, k, v, None, matrix, normaliser)
            return joined(read.values, read.weights, read.matrix, read.normaliser)

        return called

    tensors = drawn(SIZE, SIZE, SIZE, (2, 3, 4, 4), (2, 3, 4))
    assert_alike(run(fla.linear_attention), run(linear_attention.sequential), tensors)


def test_retention_with_one_decay_a_head(fla: Any) -> None:
    decays = retention.log_decays(3, torch.device("cpu")).expand(1, SIZE[1], -1)

    def run(kernel: Any) -> Any:
        def called(q: Tensor, k: Tensor, v: Tensor, matrix: Tensor) -> Tensor:
            read = kernel(q, k, v, decays, matrix)
            assert read.weights is None
            assert read.normaliser is None
            return joined(read.values, read.matrix)

        return called

    found, expected = run(fla.linear_attention), run(linear_attention.sequential)
    tensors = drawn(SIZE, SIZE, SIZE, (2, 3, 4, 4))
    for mine, theirs in zip(gradients(found, tensors), gradients(expected, tensors), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)  # decays of float32


def test_the_gated_delta_rule_with_keys_of_any_length(fla: Any) -> None:
    size = SIZE[:3]
    *tensors, log_a, b, state = drawn(SIZE, SIZE, SIZE, size, size, (2, 3, 4, 4))
    tensors += [-log_a.abs(), b.sigmoid(), state]
    own = gated_deltanet._chunked
    assert_alike(lambda *t: joined(*fla.gated_delta_rule(*t)), lambda *t: joined(*own(*t)), tensors)
    normalised = gated_deltanet._normalised(*tensors[:5])
    lengths = normalised[0].norm(dim=-1) * 2  # of queries, times sqrt(E)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-5, atol=1e-5)
    defined = gated_delta_rule.sequential(*normalised, state)
    torch.testing.assert_close(fla.gated_delta_rule(*tensors)[0], defined[0], rtol=1e-9, atol=1e-9)


def test_the_generalised_delta_rule(fla: Any) -> None:
    r, log_w, k, v, n, c, state = drawn(*[SIZE] * 6, (2, 3, 4, 4))
    log_w, n = -0.6 * log_w.sigmoid(), torch.nn.functional.normalize(n, dim=-1)
    tensors = [r, log_w, k, v, n, c.sigmoid() * n, state]
    own = generalised_delta_rule.sequential
    assert_alike(lambda *t: joined(*fla.generalised_delta_rule(*t)), lambda *t: joined(*own(*t)), tensors)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_inputs_of_16_bits_come_out_with_as_many_and_states_with_32(fla: Any, dtype: torch.dtype) -> None:
    q, k, v = (t.to(dtype) for t in drawn(SIZE, SIZE, SIZE))
    matrix, normaliser = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4)
    read = fla.linear_attention(q, k, v, None, matrix, normaliser)
    assert (read.values.dtype, read.matrix.dtype) == (dtype, torch.float32)
    assert (read.weights.dtype, read.normaliser.dtype) == (torch.float32, torch.float32)
