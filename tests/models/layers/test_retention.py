"""Retention against its parallel form with complex numbers, in all of its forms."""

from __future__ import annotations

import pytest
import torch
from matrix_state_layers import assert_digits, assert_forms_agree
from torch.nn import functional as F

from rnn_vs_attn.models.layers.retention import EPSILON, Retention, log_decays


def test_the_output_is_that_of_the_parallel_form() -> None:
    """Sun et al. 2023, equations 5 to 8: (Q K^T * D) V with exp(i n theta) at each position, and the norm by groups."""
    torch.manual_seed(0)
    module, x = Retention(24, 3).double(), torch.randn(2, 70, 24, dtype=torch.float64)
    q, k, v, gate = (t.unflatten(-1, (3, 8)).transpose(1, 2) for t in module.in_proj(x).chunk(4, dim=-1))
    position = torch.arange(70, dtype=torch.float64)
    theta = torch.tensor([1.0, 10000 ** (-1 / 3), 10000 ** (-2 / 3), 1e-4], dtype=torch.float64)
    wave = torch.exp(1j * position[:, None] * theta)
    q, k = (torch.complex(t[..., ::2], t[..., 1::2]) * wave for t in (q, k))
    distance = position[:, None] - position
    gamma = 1 - 2.0 ** -(5 + torch.arange(3, dtype=torch.float64))
    decay = torch.where(distance >= 0, gamma[:, None, None] ** distance, 0.0)
    scores = (q @ k.mH).real / 8**0.5 * decay  # Re(q conj(k)), of each pair
    mixed = F.group_norm((scores @ v).transpose(1, 2).reshape(-1, 24), 3, eps=EPSILON).view(2, 70, 24)
    expected = module.out_proj(F.silu(gate.transpose(1, 2).flatten(2)) * mixed)
    torch.testing.assert_close(module(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 63, 64, 128, 130])
@pytest.mark.parametrize("heads", [1, 2, 6])
def test_forms_agree_with_all_gradients(length: int, heads: int) -> None:
    """Heads of 6 channels, of 3, of which one has no other to turn with, and of 1."""
    torch.manual_seed(0)
    module, x = Retention(6, heads).double(), torch.randn(2, length, 6, dtype=torch.float64)
    assert_forms_agree(module, x, length // 3, 1e-9)


def test_a_step_of_one_sequence_is_its_position_where_a_head_is_odd() -> None:
    """k of one sequence begins at an odd place of what is projected, where no pair of a complex number can."""
    module, x = Retention(3, 1).double(), torch.randn(1, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(module.sequential(x), module(x), rtol=1e-12, atol=1e-12)


def test_decays_of_many_heads_stay_below_1() -> None:
    """1 - 2^-60 is 1 in float64, its logarithm is not 0."""
    logs = log_decays(56, torch.device("cpu"))
    torch.testing.assert_close(logs[[0, 3]], torch.log(torch.tensor([31 / 32, 255 / 256], dtype=torch.float64)))
    assert float(logs[55]) == -(2.0**-60)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_digits_are_kept_in_every_dtype(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    assert_digits(Retention(16, 2), torch.randn(2, 300, 16), dtype)
