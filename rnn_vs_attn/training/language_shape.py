"""The size of a language model, whichever it is, and its parameters in closed form; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.costs import NO_POSITIONS, Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.shapes import GPTShape, LanguageShape, TransformerXLShape
from rnn_vs_attn.models.spec import LINEAR_RECURRENCE, POSITIONS, RECURRENT, USER, ModelSpec
from rnn_vs_attn.training.token_shape import AUTO, KINDS, LEARNED, TokenShape

EMBEDDING_STD = 0.02  # as GPT-2's
RECURRENCES = (RECURRENT, LINEAR_RECURRENCE)  # layer types whose state is as large after many tokens as after one
_SUMS = ("linear-attention",)  # built-in layers whose state is a plain sum, whatever the order of what was added
OwnShape = GPTShape | TransformerXLShape | LanguageShape


def is_recurrent(spec: ModelSpec) -> bool:
    """Whether all layers of a model are recurrences, as far as they are built in."""
    return all(layer.layer_type in RECURRENCES for layer in spec.traits.layers or (spec,))


@dataclass(frozen=True)
class LanguageModelShape:
    """From ids below vocab_size to logits of the next one, with num_layers of the layer that `layer` is the shape of.

    layer.seq_len: of a segment, which `gpt` sees no further than. inner_width: of the feed-forward in each block, 0 for
    none; `lstm-lm` has none at all. memory_len: positions that Transformer-XL remembers from before a segment, 0 for
    none. token_positions: "learned", "none", or "auto": learned for layers that are blind to where tokens stand, unless
    these carry a state from segment to segment, which no vector of a place in a segment would fit.
    """

    layer: Shape
    vocab_size: int
    inner_width: int
    memory_len: int
    token_positions: str = AUTO

    def __post_init__(self) -> None:
        if self.token_positions not in KINDS:
            raise ValueError(f"token_positions {self.token_positions!r} is none of {', '.join(KINDS)}")

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> LanguageModelShape:
        """From the fields as JSON has them. TypeError where they are others, ValueError where they do not fit."""
        return cls(**{**fields, "layer": Shape(**fields["layer"])})

    def at_width(self, width: int) -> LanguageModelShape:
        """The same with another d_model, and a feed-forward as many times wider than that."""
        inner = self.inner_width * width // self.layer.d_model
        return replace(self, layer=replace(self.layer, d_model=width), inner_width=inner)

    def own(self, spec: ModelSpec) -> OwnShape:
        """Of a language model of the registry its own shape. UserError where there is none."""
        assert spec.language_shape is not None
        layer = self.layer
        shared = LanguageShape(
            layer.d_model, layer.num_heads, layer.num_layers, self.vocab_size, layer.seq_len, self.memory_len
        )
        shape = spec.language_shape(shared)
        if isinstance(shape, LanguageShape):
            return shape
        if layer.d_model % layer.num_heads:
            raise UserError(f"d_model {layer.d_model} is not divisible by num_heads {layer.num_heads}")
        if not self.inner_width:
            raise UserError(f"{spec.name} has a feed-forward in each of its blocks; give it a width above 0")
        return replace(shape, d_inner=self.inner_width)

    def of_tokens(self, learns_positions: bool) -> TokenShape:
        """Of the model of tokens that a layer sits in."""
        return TokenShape(
            replace(self.layer, batch_size=1),
            num_outputs=self.vocab_size,
            vocab_size=self.vocab_size,
            inner_width=self.inner_width,
            num_positions=self.layer.seq_len if learns_positions else 0,
            embedding_std=EMBEDDING_STD,
        )

    def learns_positions(self, spec: ModelSpec) -> bool | None:
        """Whether a layer's model has a learned vector a position; None of a user's, which must be tried to know it.

        Built-in layers that know no places are those that can be given some, and linear attention; of a pattern one
        that knows them is enough.
        """
        if self.token_positions != AUTO:
            return self.token_positions == LEARNED
        if spec.family == USER:
            return None
        return not is_recurrent(spec) and all(map(self._is_blind, spec.traits.layers or (spec,)))

    def _is_blind(self, built_in: ModelSpec) -> bool:
        given_none = POSITIONS in built_in.traits.takes and self.layer.positions == NO_POSITIONS
        return given_none or built_in.name in _SUMS

    def num_params(self, spec: ModelSpec) -> int:
        """Elements of all parameters, of a model that has a closed form. ValueError for one that must be built."""
        if spec.language_shape is not None:
            return self.own(spec).num_params
        learned = self.learns_positions(spec)
        if learned is None:
            raise ValueError(f"the parameters of {spec.name} are known once it is built")
        return self.of_tokens(learned).num_params(spec, _closed_form)


def _closed_form(spec: ModelSpec, shape: Shape) -> int:
    if spec.costs is None:
        raise ValueError(f"the parameters of {spec.name} are known once it is built")
    return spec.costs.num_params(shape)


def shape_of_gpt(shape: GPTShape) -> LanguageModelShape:
    """Of a GPT-2 that was loaded, with its context as the length of a segment. UserError where it is none as published:
    it can be loaded, and is not built again from what is kept of a language model.
    """
    layer = Shape(1, shape.context_len, shape.d_model, shape.num_heads, shape.num_layers)
    found = LanguageModelShape(layer, shape.vocab_size, shape.inner_width, memory_len=0)
    theirs = asdict(replace(shape, d_inner=shape.inner_width))
    for name, value in asdict(found.own(find("gpt"))).items():
        if theirs[name] != value:
            raise UserError(f"this GPT-2 has {name} {theirs[name]}, and one that can be trained here has {value}")
    return found
