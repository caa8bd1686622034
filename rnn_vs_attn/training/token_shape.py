"""The size of a model of tokens, and its parameters beside those of its layers in closed form; no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.spec import ModelSpec

AUTO, LEARNED, NONE = KINDS = ("auto", "learned", "none")  # positions of the model's own, beside its layers'


@dataclass(frozen=True)
class TokenShape:
    """A model from tokens to outputs, with num_layers blocks of the layer that `layer` is the shape of.

    Tokens are ids below vocab_size, or num_features numbers each; one of the two is 0. num_outputs: classes, or 1 for a
    number. inner_width: of a block's MLP, 0 for none. num_positions: how many have a learned vector, 0 for none.
    embedding_std: of the vectors of tokens and positions at the beginning.
    """

    layer: Shape
    num_outputs: int
    vocab_size: int = 0
    num_features: int = 0
    inner_width: int = 0
    num_positions: int = 0
    embedding_std: float = 1.0

    def __post_init__(self) -> None:
        if (self.vocab_size > 0) == (self.num_features > 0):
            raise ValueError("tokens are ids or numbers: one of vocab_size and num_features is above 0")

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> TokenShape:
        """From the fields as JSON has them. TypeError where they are others, ValueError where they do not fit."""
        return cls(**{**fields, "layer": Shape(**fields["layer"])})

    def num_params(self, spec: ModelSpec, of_layer: Callable[[ModelSpec, Shape], int]) -> int:
        """Elements of all parameters; of_layer: those of one layer."""
        single, layers = replace(self.layer, num_layers=1), spec.traits.layers or (spec,)
        number = self.layer.num_layers
        return number * sum(of_layer(each, single) for each in layers) + self.own_params(number * len(layers))

    def own_params(self, num_blocks: int) -> int:
        """Elements of all parameters but those of the layers."""
        width, inner = self.layer.d_model, self.inner_width
        embedding = width * (self.vocab_size or self.num_features + 1)
        mlp = 2 * width + (2 * width + 1) * inner + width if inner else 0
        head = (width + 1) * self.num_outputs
        return embedding + width * self.num_positions + num_blocks * (2 * width + mlp) + 2 * width + head
