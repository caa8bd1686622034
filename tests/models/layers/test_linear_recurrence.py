"""A recurrence that is linear in its state, of coefficients that are easy to sum by hand."""

from __future__ import annotations

import pytest
import torch
from layer_forms import assert_forms_agree, assert_gradients_of_the_state_agree
from torch import Tensor, nn

from rnn_vs_attn.models.layers.linear_recurrence import LinearRecurrence

D = 3


class Summed(LinearRecurrence):
    """h_t = h_(t-1) + n_t + p_t - q_t."""

    gates = 2

    def kept_and_added(self, candidate: Tensor, *gates: Tensor) -> tuple[Tensor, Tensor]:
        p, q = gates
        return torch.ones_like(candidate), candidate + p - q


@torch.no_grad()
def made() -> Summed:
    """n, p and q are x, 2 x and 5."""
    module, eye = Summed(D).double(), torch.eye(D, dtype=torch.float64)
    module.in_proj.weight.copy_(torch.cat([eye, 2 * eye, 0 * eye]))
    nn.init.zeros_(module.in_proj.bias)
    module.in_proj.bias[2 * D :] = 5.0
    return module


@pytest.mark.parametrize("length", [1, 7, 40])
def test_what_is_kept_and_added_is_summed_over_positions(length: int) -> None:
    module, x = made(), torch.randn(2, length, D, dtype=torch.float64)
    expected = (3 * x - 5).cumsum(1)
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)
    assert_forms_agree(module, x)
    assert_gradients_of_the_state_agree(module, x)


def test_a_state_that_is_given_is_where_it_begins() -> None:
    x = torch.randn(2, 9, D, dtype=torch.float64)
    h, last = made().advance(x, torch.full((2, D), 4.0, dtype=torch.float64))
    torch.testing.assert_close(h, 4 + (3 * x - 5).cumsum(1), rtol=1e-12, atol=1e-12)
    assert torch.equal(last, h[:, -1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_state_has_the_digits_of_float32_at_least(dtype: torch.dtype) -> None:
    module = made().to(dtype)
    wide = dtype if dtype == torch.float64 else torch.float32
    assert module.initial_state(2).dtype == wide
    y, state = module.step(torch.ones(2, D, dtype=dtype), module.initial_state(2))
    assert (y.dtype, state.dtype) == (dtype, wide)
