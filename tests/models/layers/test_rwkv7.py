"""RWKV-7's time mixing in its three forms, in every dtype, and against the paper's equations one after another."""

from __future__ import annotations

import math

import pytest
import torch
from layer_forms import assert_forms_agree, assert_gradients_of_the_state_agree
from torch import Tensor

from rnn_vs_attn.models.layers.rwkv7 import RWKV7


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 32, 37, 100])
def test_its_three_forms_agree_with_all_gradients(length: int) -> None:
    torch.manual_seed(0)
    module, x = RWKV7(12, 3).double(), torch.randn(2, length, 12, dtype=torch.float64)
    assert_forms_agree(module, x)
    assert_gradients_of_the_state_agree(module, x)


@pytest.mark.long
@pytest.mark.parametrize("decay", [-1e4, 1e4])
@pytest.mark.parametrize("rate", [-1e4, 1e4])
def test_gates_at_their_ends_are_finite_and_right(decay: float, rate: float) -> None:
    """Decays of 1 and of 0.545, in-context learning rates of 0 and 1, at all tokens and channels."""
    torch.manual_seed(0)
    module = RWKV7(12, 3).double()
    with torch.no_grad():
        module.decay.up.bias.fill_(decay)
        module.rate.up.bias.fill_(rate)
    assert_forms_agree(module, torch.randn(2, 70, 12, dtype=torch.float64))


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_keeps_its_digits_in_every_dtype(dtype: torch.dtype) -> None:
    """The recurrence is of float32 at least, so chunks and loop differ by its rounding and that of the output."""
    torch.manual_seed(0)
    module = RWKV7(16, 2).to(dtype)
    x = torch.randn(2, 500, 16).to(dtype)
    with torch.no_grad():
        assert module.initial_state(1)[1].dtype == torch.float32
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert found.isfinite().all()
    assert float((found - expected).abs().max()) <= scale * (2 * torch.finfo(dtype).eps + 500 * 2.0**-24)


@torch.no_grad()
def test_it_computes_the_papers_equations() -> None:
    """Row vectors and matrices of values by keys, token by token and head by head, as they stand in section 4."""
    torch.manual_seed(0)
    width, heads = 12, 3
    module = RWKV7(width, heads).double()
    for parameter in module.parameters():  # those that begin at 0 or 1 would hide a sign
        parameter += 0.3 * torch.randn_like(parameter)
    x = torch.randn(1, 20, width, dtype=torch.float64)
    last, matrices, found = torch.zeros(width).double(), [torch.zeros(4, 4).double()] * heads, []
    for x_t in x[0]:
        y_t, matrices = one_token(module, x_t, last, matrices)
        found.append(y_t)
        last = x_t
    torch.testing.assert_close(module(x)[0], torch.stack(found), rtol=1e-10, atol=1e-10)


def one_token(module: RWKV7, x_t: Tensor, last: Tensor, matrices: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    r, w, k, v, a, g = ((1 - mix) * x_t + mix * last for mix in module.mix)
    weights = {name: parameter.T for name, parameter in module.named_parameters() if parameter.dim() == 2}
    sigmoid = torch.sigmoid
    w = sigmoid(torch.tanh(w @ weights["decay.down.weight"]) @ weights["decay.up.weight"] + module.decay.up.bias)
    w = torch.exp(-math.exp(-0.5) * w)
    a = sigmoid(a @ weights["rate.down.weight"] @ weights["rate.up.weight"] + module.rate.up.bias)
    g = sigmoid(g @ weights["gate.down.weight"]) @ weights["gate.up.weight"]
    r, k, v = r @ weights["receptance.weight"], k @ weights["key.weight"], v @ weights["value.weight"]
    xi, alpha, rho = module.of_keys
    removed, k = k * xi, k * (1 + (a - 1) * alpha)
    found, after = [], []
    for h, matrix in enumerate(matrices):
        part = slice(4 * h, 4 * h + 4)
        n = removed[part] / removed[part].norm()
        matrix = matrix @ (torch.diag(w[part]) - torch.outer(n, a[part] * n)) + torch.outer(v[part], k[part])
        y = matrix @ r[part]
        y = (y - y.mean()) / (y.var(correction=0) + 64e-5).sqrt()
        y = y * module.norm_weight[part] + module.norm_bias[part]
        found.append(y + (r[part] * rho[part] * k[part]).sum() * v[part])
        after.append(matrix)
    return (g * torch.cat(found)) @ weights["output.weight"], after
