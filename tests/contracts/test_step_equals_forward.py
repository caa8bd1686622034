"""Token by token with the state comes to what the whole sequence does, for every model of the registry that steps."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import LANGUAGE, LAYERS, SHAPE, layer, of_tokens, outputs
from steps import assert_decodes

from rnn_vs_attn.models import build
from rnn_vs_attn.models.build import call
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.spec import ModelSpec


@pytest.mark.long
@LAYERS
@pytest.mark.parametrize("num_layers", [1, 3])
def test_steps_equal_forward(spec: ModelSpec, num_layers: int) -> None:
    shape = dataclasses.replace(SHAPE, num_layers=num_layers, seq_len=37)
    module, x = layer(spec, shape)
    state = module.initial_state(shape.batch_size)
    outputs = []
    with torch.no_grad():
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            outputs.append(y_t)
        expected = call(module, x)
    assert (torch.stack(outputs, 1) - expected).abs().max() < 1e-10


@LAYERS
def test_every_layer_decodes_what_its_forward_computes(spec: ModelSpec) -> None:
    torch.manual_seed(0)
    module = build.build(spec, Shape(2, 12, 16, 2, 2)).double().eval()
    assert_decodes(module, torch.randn(2, 12, 16, dtype=torch.float64), 1e-10)


@LANGUAGE
def test_steps_of_a_language_model_are_its_forward(spec: ModelSpec) -> None:
    model, tokens = of_tokens(spec)
    with torch.no_grad():
        whole = outputs(model, tokens)
        state = model.initial_state(len(tokens))
        first, state = model.advance(tokens[:, :9], state)
        found = [first]
        for t in range(9, tokens.shape[1]):
            logits, state = model.step(tokens[:, t], state)
            found.append(logits.unsqueeze(1))
    torch.testing.assert_close(torch.cat(found, 1), whole, rtol=1e-10, atol=1e-10)
