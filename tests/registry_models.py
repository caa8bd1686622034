"""Every model of the registry at a small size, in float64: what the contracts are held against."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.models import build
from rnn_vs_attn.models.catalogue.language import ENCODERS, LANGUAGE_MODELS
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.load import load
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.models.shapes import AlbertShape, LanguageShape
from rnn_vs_attn.models.spec import ModelSpec

SHAPE = Shape(batch_size=2, seq_len=13, d_model=24, num_heads=4, num_layers=2, kernel_size=3, window=5)
LANGUAGE_SHAPE = LanguageShape(24, 4, 2, vocab_size=11, context_len=20, memory_len=20)

LAYERS = pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
LANGUAGE = pytest.mark.parametrize("spec", LANGUAGE_MODELS, ids=lambda spec: spec.name)
OF_TOKENS = pytest.mark.parametrize("spec", [*LANGUAGE_MODELS, *ENCODERS], ids=lambda spec: spec.name)


def layer(spec: ModelSpec, shape: Shape = SHAPE) -> tuple[nn.Module, Tensor]:
    """A layer and an input for it (B, L, D)."""
    torch.manual_seed(0)
    module = build.build(spec, shape).double()
    return module, torch.randn(shape.batch_size, shape.seq_len, shape.d_model, dtype=torch.float64)


def as_defined(module: nn.Module) -> nn.Module:
    """The module with each of its layers in its sequential form, where it has one: a chunked kernel multiplies more."""
    for part in module.modules():
        if hasattr(part, "sequential"):
            part.forward = part.sequential
    return module


def of_tokens(spec: ModelSpec, shape: LanguageShape = LANGUAGE_SHAPE) -> tuple[nn.Module, Tensor]:
    """A language model or an encoder, and token ids for it (B, L)."""
    torch.manual_seed(0)
    module = load(spec)(shape_of(spec, shape))
    return module.double().eval(), torch.randint(shape.vocab_size, (2, shape.context_len))


def shape_of(spec: ModelSpec, shape: LanguageShape = LANGUAGE_SHAPE) -> Any:
    """A model's own shape; an encoder's is that of ALBERT."""
    if spec.language_shape is not None:
        return spec.language_shape(shape)
    width = shape.d_model // 2
    return AlbertShape(
        shape.num_layers, shape.d_model, shape.num_heads, width, "all", shape.vocab_size, shape.context_len
    )


def outputs(module: nn.Module, tokens: Tensor) -> Tensor:
    """Logits (B, L, V), or of an encoder hidden states (B, L, D), without the memory that some models give too."""
    found = module(tokens)
    return found[0] if isinstance(found, tuple) else found
