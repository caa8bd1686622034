"""Gated DeltaNet's layer in its three forms, in every dtype, and against Qwen3-Next's with the same weights."""

from __future__ import annotations

import pytest
import torch
from layer_forms import assert_forms_agree, assert_gradients_of_the_state_agree
from torch import nn

from rnn_vs_attn.models.kernels.gated_delta_rule import chunked
from rnn_vs_attn.models.layers.gated_deltanet import GatedDeltaNet


@pytest.mark.long
@pytest.mark.parametrize("length", [1, 32, 37, 100])
def test_its_three_forms_agree_with_all_gradients(length: int) -> None:
    torch.manual_seed(0)
    module, x = GatedDeltaNet(12, 3).double(), torch.randn(2, length, 12, dtype=torch.float64)
    assert_forms_agree(module, x)
    assert_gradients_of_the_state_agree(module, x)


@pytest.mark.long
@pytest.mark.parametrize("decay", [-1e4, 1e4])
@pytest.mark.parametrize("rate", [-1e4, 1e4])
def test_gates_that_are_shut_or_open_are_finite_and_right(decay: float, rate: float) -> None:
    """Decays of 1 and 0, rates of 0 and 1, at every other token as the input's sign has it."""
    torch.manual_seed(0)
    module = GatedDeltaNet(12, 3).double()
    with torch.no_grad():
        module.in_proj.weight[-6:-3] *= decay
        module.in_proj.weight[-3:] *= rate
    assert_forms_agree(module, torch.randn(2, 40, 12, dtype=torch.float64))


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_keeps_its_digits_in_every_dtype(dtype: torch.dtype) -> None:
    """The recurrence is of float32 at least, so chunks and loop differ by its rounding and that of the output."""
    torch.manual_seed(0)
    module = GatedDeltaNet(16, 2).to(dtype)
    x = torch.randn(2, 500, 16).to(dtype)
    with torch.no_grad():
        assert module.initial_state(1)[1].dtype == torch.float32
        found, expected = module(x).double(), module.sequential(x).double()
    scale = float(expected.abs().max())
    assert found.isfinite().all()
    assert float((found - expected).abs().max()) <= scale * (2 * torch.finfo(dtype).eps + 500 * 2.0**-24)


@pytest.mark.long
def test_qwen3_nexts_layer_gives_the_same_with_the_same_weights() -> None:
    """Its query, key, value and gate stand head by head, as do its rates and decays; its recurrence is of float32."""
    modeling = pytest.importorskip("transformers.models.qwen3_next.modeling_qwen3_next")
    configuration = pytest.importorskip("transformers.models.qwen3_next.configuration_qwen3_next")
    width, heads = 24, 3
    sizes = {"linear_num_value_heads": heads, "linear_num_key_heads": heads}
    widths = {"linear_key_head_dim": width // heads, "linear_value_head_dim": width // heads}
    theirs = modeling.Qwen3NextGatedDeltaNet(configuration.Qwen3NextConfig(hidden_size=width, **sizes, **widths), 0)
    torch.manual_seed(0)
    mine = GatedDeltaNet(width, heads)
    copy_weights(mine, theirs)
    x = torch.randn(2, 75, width, requires_grad=True)
    found, expected = mine(x), theirs(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    grad = torch.randn_like(x)
    (of_mine,), (of_theirs,) = (torch.autograd.grad(y, x, grad) for y in (found, expected))
    torch.testing.assert_close(of_mine, of_theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.long
def test_transformers_chunks_give_the_same() -> None:
    """Qwen3-Next's, from a state before them; they are of float32."""
    modeling = pytest.importorskip("transformers.models.qwen3_next.modeling_qwen3_next")
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 100, 3, 16).unbind(0)
    log_a, b, state = -torch.rand(2, 100, 3), torch.rand(2, 100, 3), torch.randn(2, 3, 16, 16)
    k = torch.nn.functional.normalize(k, dim=-1)
    expected = modeling.torch_chunk_gated_delta_rule(
        q, k, v, g=log_a, beta=b, initial_state=state, output_final_state=True
    )
    for found, theirs in zip(chunked(q / 16**0.5, k, v, log_a, b, state), expected, strict=True):
        torch.testing.assert_close(found, theirs, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def copy_weights(mine: GatedDeltaNet, theirs: nn.Module) -> None:
    width, heads = mine.d_model, mine.num_heads
    *wide, decay, rate = mine.in_proj.weight.split([width] * 4 + [heads] * 2)
    theirs.in_proj_qkvz.weight.copy_(torch.stack([w.unflatten(0, (heads, -1)) for w in wide], 1).flatten(0, 2))
    theirs.in_proj_ba.weight.copy_(torch.stack([rate, decay], 1).flatten(0, 1))
    theirs.conv1d.weight.copy_(mine.conv_weight.unsqueeze(1))
    theirs.dt_bias.copy_(mine.dt_bias)
    theirs.A_log.copy_(mine.A_log)
    theirs.norm.weight.copy_(mine.norm_weight)
    theirs.out_proj.weight.copy_(mine.out_proj.weight)
