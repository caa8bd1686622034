"""Linear attention against its definition by scores, in all of its forms."""

from __future__ import annotations

import pytest
import torch
from matrix_state_layers import assert_digits, assert_forms_agree
from torch.nn import functional as F

from rnn_vs_attn.models.layers.linear_attention import LinearAttention, features


def test_the_output_is_a_mean_of_values_weighted_by_features() -> None:
    """Katharopoulos et al. 2020, equation 8 in place of softmax, over j <= i."""
    torch.manual_seed(0)
    module, x = LinearAttention(12, 3).double(), torch.randn(2, 70, 12, dtype=torch.float64)
    q, k, v = (t.unflatten(-1, (3, 4)).transpose(1, 2) for t in module.in_proj(x).chunk(3, dim=-1))
    scores = ((F.elu(q) + 1) @ (F.elu(k) + 1).mT).tril()
    mixed = (scores / scores.sum(-1, keepdim=True)) @ v
    expected = module.out_proj(mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 63, 64, 128, 130])
@pytest.mark.parametrize("shift", [0.0, 30.0, -30.0])
def test_forms_agree_with_all_gradients(length: int, shift: float) -> None:
    """Features large or so small that elu(x) + 1 would be 0 in float32."""
    torch.manual_seed(0)
    module, x = LinearAttention(6, 2).double(), torch.randn(2, length, 6, dtype=torch.float64)
    with torch.no_grad():
        module.in_proj.bias[:12] += shift
    assert_forms_agree(module, x, length // 3)


def test_features_have_the_digits_of_an_exponential() -> None:
    x = torch.tensor([-80.0, -20.0, -1e-3, 0.0, 2.0], requires_grad=True)
    y = features(x)
    torch.testing.assert_close(y.detach(), torch.tensor([1.8048514e-35, 2.0611537e-09, 0.9990005, 1.0, 3.0]))
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope, torch.tensor([1.8048514e-35, 2.0611537e-09, 0.9990005, 1.0, 1.0]))


def test_where_no_key_has_any_weight_the_output_is_finite() -> None:
    module = LinearAttention(6, 2)
    with torch.no_grad():
        module.in_proj.bias[:12] = -1e4
    x = torch.randn(1, 9, 6, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_digits_are_kept_in_every_dtype(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    assert_digits(LinearAttention(8, 2), torch.randn(2, 300, 8), dtype)
