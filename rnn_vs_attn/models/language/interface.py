"""Language models under one roof: from token ids to logits, with a state that decoding carries on.

Each has `initial_state(batch_size)`; `step` from token ids (B,) and a state, which may be changed in place, to logits
(B, V) and a state; and `advance` from token ids (B, L) and a state to logits (B, L, V), or with last_only (B, 1, V).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from rnn_vs_attn.models.load import load
from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.models.spec import ModelSpec


def build(spec: ModelSpec, shape: LanguageShape) -> nn.Module:
    """The language model of that name at a shape. UserError where d_model does not fit."""
    make: Callable[[Any], nn.Module] = load(spec)
    assert spec.language_shape is not None
    return make(spec.language_shape(shape))
