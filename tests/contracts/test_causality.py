"""No position sees the future, by perturbing it: every model of the registry, in float64."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import LANGUAGE_SHAPE, LAYERS, OF_TOKENS, SHAPE, layer, of_tokens, outputs

from rnn_vs_attn.models.build import call
from rnn_vs_attn.models.spec import ModelSpec


@LAYERS
@pytest.mark.parametrize("changed", [1, 6, 12])
def test_no_position_sees_the_future(spec: ModelSpec, changed: int) -> None:
    module, x = layer(spec)
    other = x.clone()
    other[:, changed:] += 1.0
    before, after = call(module, x), call(module, other)
    assert torch.equal(before[:, :changed], after[:, :changed]) or torch.allclose(
        before[:, :changed], after[:, :changed], rtol=0, atol=1e-13
    )
    assert (before[:, changed:] - after[:, changed:]).abs().max() > 1e-4


@LAYERS
def test_without_causal_attention_sees_all_and_recurrence_only_the_past(spec: ModelSpec) -> None:
    module, x = layer(spec, dataclasses.replace(SHAPE, causal=False))
    other = x.clone()
    other[:, -1] += 1.0
    seen = (call(module, x)[:, -2] - call(module, other)[:, -2]).abs().max()
    assert (seen < 1e-13) if spec.always_causal else (seen > 1e-6)


@OF_TOKENS
@pytest.mark.parametrize("changed", [1, 9, 19])
def test_no_token_is_predicted_from_the_future_and_an_encoder_sees_it(spec: ModelSpec, changed: int) -> None:
    module, tokens = of_tokens(spec)
    other = tokens.clone()
    other[:, changed:] = (other[:, changed:] + 1) % LANGUAGE_SHAPE.vocab_size
    with torch.no_grad():
        moved = (outputs(module, tokens) - outputs(module, other)).abs().amax((0, 2))
    assert moved[changed:].min() > 1e-6
    assert (moved[:changed].max() < 1e-13) if spec.always_causal else (moved[:changed].min() > 1e-6)
