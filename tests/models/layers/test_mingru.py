"""minGRU in its three forms, and in every dtype."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scans import gradients, rounding
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.models.layers.mingru import MinGRU


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 8, 37, 256, 1000])
@pytest.mark.parametrize("gate", [0.0, 1000.0, -1000.0])
def test_mingru_has_three_forms_that_agree(length: int, gate: float) -> None:
    """Gates all open, all shut, or as drawn."""
    torch.manual_seed(0)
    module = MinGRU(6).double()
    with torch.no_grad():
        module.in_proj.bias[6:] += gate
    x = torch.randn(2, length, 6, dtype=torch.float64)
    parameters = tuple(module.parameters())

    def run(form: Any) -> Any:
        def call(given: Tensor, *values: Tensor) -> Tensor:
            names = [name for name, _ in module.named_parameters()]
            return (
                torch.func.functional_call(module, dict(zip(names, values, strict=True)), (given,))
                if form
                else seq(given, values)
            )

        return call

    def seq(given: Tensor, values: tuple[Tensor, ...]) -> Tensor:
        candidate, z = F.linear(given, *values).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        h, found = torch.zeros_like(candidate[:, 0]), []
        for t in range(length):
            h = (1 - z[:, t]) * h + z[:, t] * candidate[:, t]
            found.append(h)
        return torch.stack(found, 1)

    parallel = gradients(run(True), (x, *parameters))
    loop = gradients(run(False), (x, *parameters))
    for found, expected in zip(parallel, loop, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(module.sequential(x), loop[0], rtol=1e-10, atol=1e-10)
        state, steps = module.initial_state(2), []
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            steps.append(y_t)
    torch.testing.assert_close(torch.stack(steps, 1), loop[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_mingru_keeps_its_digits_in_every_dtype(dtype: torch.dtype) -> None:
    """Gates and state are float32 at least, so scan and loop differ by its rounding, not by that of dtype."""
    torch.manual_seed(0)
    module = MinGRU(8).to(dtype)
    x = torch.randn(2, 2048, 8).to(dtype)
    with torch.no_grad():
        assert module._coefficients(x)[0].dtype == torch.float32
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert found.isfinite().all()
    assert float((found - expected).abs().max()) <= scale * (torch.finfo(dtype).eps + rounding(2048))
