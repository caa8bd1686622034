"""Mamba-2's layer in its three forms, beside that of transformers, with gates at 0 and 1, and in every dtype."""

from __future__ import annotations

import pytest
import torch
from layer_forms import assert_forms_agree, assert_gradients_of_the_state_agree
from scans import rounding

from rnn_vs_attn.models.kernels.ssd import CHUNK
from rnn_vs_attn.models.layers.mamba2 import Mamba2

D, H = 6, 2


def made(dtype: torch.dtype = torch.float64, dt_bias: float | None = None) -> Mamba2:
    torch.manual_seed(0)
    module = Mamba2(D, H, state_size=4)
    if dt_bias is not None:
        torch.nn.init.constant_(module.dt_bias, dt_bias)
    return module.to(dtype)


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 3, 37, CHUNK, CHUNK + 1, 3 * CHUNK - 1])
@pytest.mark.parametrize("dt_bias", [None, -1e3, 1e3])
def test_three_forms_agree(length: int, dt_bias: float | None) -> None:
    """As drawn, and with decays of 1 (and nothing taken in) and of 0."""
    assert_forms_agree(made(dt_bias=dt_bias), torch.randn(2, length, D, dtype=torch.float64))


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 2, 70])
def test_the_gradient_of_the_state_is_that_of_steps(length: int) -> None:
    assert_gradients_of_the_state_agree(made(), torch.randn(2, length, D, dtype=torch.float64))


@pytest.mark.long
def test_it_is_the_layer_of_transformers_with_the_same_weights() -> None:
    """Its path without kernels, whose recurrence is float32: outputs and all gradients."""
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_heads": 6, "head_dim": 8, "state_size": 16, "n_groups": 1, "expand": 2}
    theirs = Mamba2Mixer(Mamba2Config(**sizes, num_hidden_layers=1, chunk_size=16), 0)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = Mamba2(24, 6, state_size=16)
    named = {name.replace("conv1d.", "conv_").replace("norm.", "norm_"): p for name, p in theirs.named_parameters()}
    weights = {name: p.detach().squeeze(1) if name == "conv_weight" else p.detach() for name, p in named.items()}
    ours.load_state_dict(weights)
    x = torch.randn(2, 150, 24)
    found, expected = ours(x), theirs(x)
    grad = torch.randn_like(found)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    mine = torch.autograd.grad(found, [dict(ours.named_parameters())[name] for name in named], grad)
    other = torch.autograd.grad(expected, list(named.values()), grad)
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b.reshape(a.shape), rtol=0, atol=2e-4 * float(b.abs().max()))


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="twice the d_model 6 is not divisible by num_heads 5"):
        Mamba2(6, 5)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_digits_are_kept_in_every_dtype(dtype: torch.dtype) -> None:
    """The recurrence is float32 at least, so chunks and loop differ by its rounding, not by that of dtype."""
    module, x = made(dtype), torch.randn(2, 512, D).to(dtype)
    with torch.no_grad():
        assert module._project(x, module.initial_state(2)[0])[1][0].dtype == torch.float32
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= scale * (2 * torch.finfo(dtype).eps + 4 * rounding(512))
