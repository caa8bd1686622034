"""Language models under one roof: from token ids to logits, with a state that decoding carries on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn

from rnn_vs_attn.models.load import load
from rnn_vs_attn.models.registry import ModelSpec
from rnn_vs_attn.models.shapes import LanguageShape


class LanguageModel(Protocol):
    """What decodes token ids. C tokens of one call, V vocab_size; a state given may be changed in place."""

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first token."""

    def step(self, token: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One token id each (B,), state -> logits (B, V), state."""

    def advance(self, tokens: Tensor, state: Any, last_only: bool = False) -> tuple[Tensor, Any]:
        """Token ids (B, C), state -> logits (B, C, V), or (B, 1, V) of the last; state."""


def build(spec: ModelSpec, shape: LanguageShape) -> nn.Module:
    """The language model of that name at a shape. UserError where d_model does not fit."""
    make: Callable[[Any], nn.Module] = load(spec)
    assert spec.language_shape is not None
    return make(spec.language_shape(shape))
