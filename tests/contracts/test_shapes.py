"""Batch, length, width and dtype of what goes in are those of what comes out, for every model of the registry."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from registry_models import LANGUAGE_SHAPE, LAYERS, OF_TOKENS, SHAPE, layer, of_tokens, outputs

from rnn_vs_attn.models.build import call, cast
from rnn_vs_attn.models.spec import ModelSpec


@LAYERS
@pytest.mark.parametrize(("batch_size", "seq_len", "d_model"), [(2, 13, 24), (1, 1, 4), (3, 1, 8), (1, 40, 12)])
def test_shape_is_kept(spec: ModelSpec, batch_size: int, seq_len: int, d_model: int) -> None:
    shape = dataclasses.replace(SHAPE, batch_size=batch_size, seq_len=seq_len, d_model=d_model)
    module, x = layer(spec, shape)
    assert call(module, x).shape == x.shape == (batch_size, seq_len, d_model)


@pytest.mark.long
@LAYERS
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype_is_kept(spec: ModelSpec, dtype: torch.dtype) -> None:
    module, x = layer(spec)
    assert call(cast(module, dtype), x.to(dtype)).dtype == dtype


@OF_TOKENS
@pytest.mark.parametrize(("batch_size", "seq_len"), [(2, 20), (3, 1), (1, 7)])
def test_each_token_has_its_output(spec: ModelSpec, batch_size: int, seq_len: int) -> None:
    """Logits over the vocabulary, or an encoder's hidden states."""
    module, _ = of_tokens(spec)
    found = outputs(module, torch.zeros(batch_size, seq_len, dtype=torch.long))
    width = LANGUAGE_SHAPE.vocab_size if spec.language_shape else LANGUAGE_SHAPE.d_model
    assert found.shape == (batch_size, seq_len, width)
    assert found.dtype == torch.float64
