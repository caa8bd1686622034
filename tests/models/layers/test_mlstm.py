"""mLSTM against its equations without a stabiliser, in all of its forms, and with gates that are shut or wide open."""

from __future__ import annotations

import pytest
import torch
from matrix_state_layers import assert_digits, assert_forms_agree
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.layers.mlstm import MLSTM, stabilisers


def by_equations(module: MLSTM, x: Tensor) -> Tensor:
    """Beck et al. 2024, equations 19 to 27, as they stand."""
    q, k, v, gate = (t.unflatten(-1, (module.num_heads, -1)) for t in module.in_proj(x).chunk(4, dim=-1))
    log_i, forget = module.gate_proj(x).chunk(2, dim=-1)
    i, f = log_i.exp(), forget.exp() if module.forget_gate == "exp" else forget.sigmoid()
    k = k / k.shape[-1] ** 0.5
    cell, normaliser, found = 0, 0, []
    for t in range(x.shape[1]):
        cell = f[:, t, :, None, None] * cell + i[:, t, :, None, None] * v[:, t, :, :, None] * k[:, t, :, None, :]
        normaliser = f[:, t, :, None] * normaliser + i[:, t, :, None] * k[:, t]
        read = torch.einsum("bhij,bhj->bhi", cell, q[:, t])
        weight = torch.einsum("bhj,bhj->bh", normaliser, q[:, t]).abs().clamp(min=1)
        found.append(gate[:, t].sigmoid() * read / weight[..., None])
    return module.out_proj(torch.stack(found, 1).flatten(2))


@pytest.mark.long
@pytest.mark.parametrize("forget_gate", ["sigmoid", "exp"])
def test_the_output_is_that_of_the_equations(forget_gate: str) -> None:
    torch.manual_seed(0)
    module, x = MLSTM(12, 3, forget_gate).double(), torch.randn(2, 70, 12, dtype=torch.float64)
    expected = by_equations(module, x)
    torch.testing.assert_close(module(x), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(module.sequential(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 63, 64, 130])
@pytest.mark.parametrize("write", [0.0, 500.0, -500.0])
@pytest.mark.parametrize("forget", [0.0, 1000.0, -1000.0])
def test_forms_agree_with_all_gradients(length: int, write: float, forget: float) -> None:
    """Input gates of e^500 and e^-500; forget gates that are 0, 1 or as drawn."""
    torch.manual_seed(0)
    module, x = MLSTM(6, 2).double(), torch.randn(2, length, 6, dtype=torch.float64)
    with torch.no_grad():
        module.gate_proj.bias += torch.tensor([write] * 2 + [forget] * 2)
    assert_forms_agree(module, x, length // 3)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("write", [0.0, 300.0, -300.0])
@pytest.mark.parametrize("forget", [0.0, 300.0, -300.0])
def test_gates_shut_or_wide_open_leave_all_finite(dtype: torch.dtype, write: float, forget: float) -> None:
    """e^300 is infinite in all of these dtypes, and e^-300 is 0. Open gates let q n be as near to 0 as it comes, and
    then gradients are beyond float16's largest number, 65,504.
    """
    torch.manual_seed(0)
    module, x = MLSTM(8, 2).to(dtype), torch.randn(1, 70, 8).to(dtype).requires_grad_()
    with torch.no_grad():
        module.gate_proj.bias += torch.tensor([write] * 2 + [forget] * 2, dtype=dtype)
    for form in (module, module.sequential):
        y = form(x)
        assert y.isfinite().all()
        if dtype == torch.float16:
            continue
        assert all(g.isfinite().all() for g in torch.autograd.grad(y.sum(), (x, *module.parameters())))


@pytest.mark.long
def test_exponential_forget_gates_agree_where_states_would_overflow() -> None:
    """A cell of e^(2 * 400) has no number, one divided by it has."""
    torch.manual_seed(0)
    module, x = MLSTM(6, 2, "exp").double(), torch.randn(1, 400, 6, dtype=torch.float64)
    with torch.no_grad():
        module.gate_proj.bias[2:] += 2.0
        torch.testing.assert_close(module(x), module.sequential(x), rtol=1e-9, atol=1e-9)


def test_stabilisers_of_all_positions_are_those_of_the_recurrence() -> None:
    generator = torch.Generator().manual_seed(0)
    log_i, f = (torch.randn(2, 50, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    log_f, m, expected = F.logsigmoid(f), torch.ones(2, 3, dtype=torch.float64), []
    found = stabilisers(log_i, log_f, m)
    for t in range(50):
        m = torch.maximum(log_f[:, t] + m, log_i[:, t])
        expected.append(m)
    torch.testing.assert_close(found, torch.stack(expected, 1))


def test_a_forget_gate_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="forget_gate must be sigmoid or exp, not 'relu'"):
        MLSTM(8, 2, "relu")


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_digits_are_kept_in_every_dtype(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    assert_digits(MLSTM(8, 2), torch.randn(2, 300, 8), dtype)
