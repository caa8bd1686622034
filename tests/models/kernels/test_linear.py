"""Products of a few rows with a large matrix are F.linear's, and whoever uses them decodes the same."""

from __future__ import annotations

import pytest
import torch
from steps import assert_decodes
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.kernels import linear
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.shapes import GPTShape

WEIGHT = torch.randn(2048, 512, generator=torch.Generator().manual_seed(0))
BIAS = torch.randn(2048, generator=torch.Generator().manual_seed(1))


def rows() -> list[Tensor]:
    x = torch.randn(16, 3, 512, generator=torch.Generator().manual_seed(2))
    return [x[0, :1], x[:, 0], x[:, -1:], x[:4], x]


@pytest.mark.parametrize("bias", [BIAS, None])
@pytest.mark.parametrize("number", range(5))
def test_a_product_is_that_of_torch(number: int, bias: Tensor | None) -> None:
    x = rows()[number]
    with torch.no_grad():
        expected = F.linear(x, WEIGHT, bias)
        found = linear.linear(x, WEIGHT, bias)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_is_taken_for_few_rows_of_a_large_matrix_without_gradients() -> None:
    chosen = linear.few_rows_of_a_large_matrix
    with torch.no_grad():
        if not chosen(rows()[0], WEIGHT):
            pytest.skip("this build of torch has no oneDNN")
        assert [chosen(x, WEIGHT) for x in rows()] == [True, True, True, True, False]
        assert not chosen(rows()[0], WEIGHT[:1024])
        assert not chosen(rows()[0].double(), WEIGHT.double())
    assert not chosen(rows()[0], WEIGHT)


def test_gradients_are_those_of_a_linear_layer() -> None:
    x, weight = rows()[0].clone().requires_grad_(), WEIGHT.clone().requires_grad_()
    linear.linear(x, weight, BIAS).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0], WEIGHT.sum(0), rtol=1e-4, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "attention", "attention-relative"])
def test_wide_layers_decode_what_their_forward_computes(name: str) -> None:
    torch.manual_seed(0)
    module = build.build(find(name), Shape(2, 8, 1024, 4, 1)).eval()
    assert_decodes(module, torch.randn(2, 8, 1024), 1e-4)


@pytest.mark.long
def test_a_wide_gpt_decodes_the_logits_of_its_forward() -> None:
    torch.manual_seed(0)
    model = GPT(GPTShape(2, 512, 8, vocab_size=3000)).eval()
    tokens = torch.randint(3000, (2, 40))
    with torch.no_grad():
        whole, state = model(tokens), model.initial_state(2)
        found, state = model.advance(tokens[:, :30], state)
        pieces = [found]
        for t in range(30, 40):
            logits, state = model.step(tokens[:, t], state)
            pieces.append(logits.unsqueeze(1))
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-3, atol=1e-3)
