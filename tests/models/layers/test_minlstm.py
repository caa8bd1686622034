"""minLSTM in its three forms, with gates at 0 and 1, and in every dtype."""

from __future__ import annotations

import pytest
import torch
from layer_forms import assert_forms_agree, assert_gradients_of_the_state_agree
from scans import rounding
from torch import Tensor

from rnn_vs_attn.models.layers.minlstm import MinLSTM

D = 6


def made(forget: float = 0.0, take: float = 0.0, dtype: torch.dtype = torch.float64) -> MinLSTM:
    """With both gates moved as far as that before their sigmoid."""
    torch.manual_seed(0)
    module = MinLSTM(D).to(dtype)
    with torch.no_grad():
        module.in_proj.bias[D : 2 * D] += forget
        module.in_proj.bias[2 * D :] += take
    return module


def by_the_paper(module: MinLSTM, x: Tensor) -> Tensor:
    """Feng et al. 2024, algorithm 3, word for word: sigmoids divided by their sum, a position at a time."""
    candidate, forget, take = module.in_proj(x).chunk(3, dim=-1)
    f, i = forget.sigmoid(), take.sigmoid()
    h, found = torch.zeros_like(candidate[:, 0]), []
    for t in range(x.shape[1]):
        total = f[:, t] + i[:, t]
        h = f[:, t] / total * h + i[:, t] / total * candidate[:, t]
        found.append(h)
    return torch.stack(found, 1)


@pytest.mark.parametrize("length", [1, 8, 37, 130])
@pytest.mark.parametrize(("forget", "take"), [(0, 0), (30, -30), (-30, 30), (1e3, 1e3), (-1e3, -1e3), (-1e3, 1e3)])
def test_three_forms_agree(length: int, forget: float, take: float) -> None:
    assert_forms_agree(made(forget, take), torch.randn(2, length, D, dtype=torch.float64))


def test_the_gradient_of_the_state_is_that_of_steps() -> None:
    assert_gradients_of_the_state_agree(made(), torch.randn(2, 37, D, dtype=torch.float64))


@pytest.mark.parametrize(("forget", "take"), [(0, 0), (3, -5), (-20, -20), (25, 25)])
def test_it_is_the_papers_algorithm(forget: float, take: float) -> None:
    module, x = made(forget, take), torch.randn(2, 20, D, dtype=torch.float64)
    torch.testing.assert_close(module(x), by_the_paper(module, x), rtol=1e-9, atol=1e-9)


def test_two_gates_that_are_both_0_still_sum_to_1() -> None:
    """sigmoid(-1000) is 0, and 0 / 0 is no number; by logarithms it is what both are without the 1000."""
    nothing = torch.zeros(1, 1, D, dtype=torch.float64)
    f, i = made().in_proj.bias[D:].chunk(2)
    kept, _ = made(-1e3, -1e3)._coefficients(nothing)
    torch.testing.assert_close(kept.flatten(), torch.sigmoid(f - i), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_digits_are_kept_in_every_dtype(dtype: torch.dtype) -> None:
    """Gates and state are float32 at least, so scan and loop differ by its rounding, not by that of dtype."""
    module, x = made(dtype=dtype), torch.randn(2, 512, D).to(dtype)
    with torch.no_grad():
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= scale * (torch.finfo(dtype).eps + rounding(512))
