"""The model that any layer is trained in: from tokens through residual blocks to classes, or to a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation import seeds
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.models.spec import USER, ModelSpec
from rnn_vs_attn.training.token_shape import AUTO, LEARNED, TokenShape

_TRIED = 16  # tokens that change places
_SAME = 1e-4  # of the largest output: sums in another order, in float32, differ by less


class TokenModel(OfTokens):
    """Embedding, pre-norm blocks of a layer each, a last norm, and the head.

    Tokens that are numbers are mapped by a matrix and a bias. Vectors of tokens, and of positions where these are
    learned, begin as N(0, embedding_std^2). All else begins as torch or the layer has it: the matrices of MLP and head
    as nn.Linear's, norms as 1 and 0.

    Learned positions end where training did: a longer input is a UserError, as their vectors would be those of the
    beginning. Layers that know of places by themselves (recurrences, convolutions, attention with rotary or alibi
    positions or over distances) take any length.
    """

    takes_places = True

    def __init__(self, spec: ModelSpec, shape: TokenShape) -> None:
        super().__init__()
        width = shape.layer.d_model
        self.spec, self.shape = spec, shape
        self.embedding: nn.Module
        if shape.vocab_size:
            self.embedding = nn.Embedding(shape.vocab_size, width)
            nn.init.normal_(self.embedding.weight, std=shape.embedding_std)
        else:
            self.embedding = nn.Linear(shape.num_features, width)
        self.positions: nn.Parameter | None = None
        if shape.num_positions:
            self.positions = nn.Parameter(torch.randn(shape.num_positions, width) * shape.embedding_std)
        self.blocks = build.build_blocks(spec, shape.layer, shape.inner_width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, shape.num_outputs)

    def forward(self, inputs: Tensor, places: Tensor | None = None) -> Tensor:
        """Ids (B, L) or numbers (B, L, F) -> (B, L, O); with places only the outputs there, (A, O).

        places: (A,), counted through the batch, position l of sequence b being b L + l: a head over a large vocabulary
        takes longer than all else, and most positions have no answer.
        """
        hidden = self.norm(self.blocks(self.embedded(inputs)))
        outputs: Tensor = self.head(hidden if places is None else hidden.flatten(0, 1).index_select(0, places))
        return outputs

    def initial_state(self, batch_size: int) -> tuple[int, Any]:
        """How many positions were seen, and the states of all blocks; for models whose layers have one."""
        return 0, self.blocks.initial_state(batch_size)

    def step(self, token: Tensor, state: tuple[int, Any]) -> tuple[Tensor, tuple[int, Any]]:
        """One token each (B,) or (B, F), state -> (B, O), state."""
        outputs, state = self.advance(token.unsqueeze(1), state)
        return outputs.squeeze(1), state

    def advance(self, inputs: Tensor, state: tuple[int, Any]) -> tuple[Tensor, tuple[int, Any]]:
        """Tokens (B, C) or (B, C, F) and the state before them -> (B, C, O) and the state after them."""
        begin, states = state
        hidden, states = self.blocks.advance(self.embedded(inputs, begin), states)
        return self.head(self.norm(hidden)), (begin + inputs.shape[1], states)

    def embedded(self, inputs: Tensor, begin: int = 0) -> Tensor:
        """Tokens (B, C) or (B, C, F) from position `begin` on -> what the first block is given, (B, C, D)."""
        if self.shape.vocab_size:
            self.check_ids(inputs, self.shape.vocab_size)
        x: Tensor = self.embedding(inputs)
        if self.positions is None:
            return x
        end, learned = begin + inputs.shape[1], len(self.positions)
        if end > learned:
            way = "give fewer tokens, or a model with rotary or alibi positions, or without any"
            raise UserError(f"position {end} is beyond the {learned} that have a learned vector; {way}")
        return x + self.positions[begin:end]


def token_model(spec: ModelSpec, shape: TokenShape, seed: int = 0) -> TokenModel:
    """The model with the weights of a seed; what was to be drawn after it is drawn as if nothing had been."""
    with seeds.same_draws(seed):
        return TokenModel(spec, shape)


def num_params(spec: ModelSpec, shape: TokenShape) -> int:
    """Elements of all parameters, in closed form where the layer has one; then nothing is built."""
    return shape.num_params(spec, build.num_params)


# Positions


def positioned(spec: ModelSpec, shape: TokenShape, kind: str = AUTO) -> TokenShape:
    """The shape with a learned vector for each of the seq_len positions of its layer, or with none.

    kind: "learned", "none", or "auto", which is "learned" for layers that are blind to where tokens stand.
    """
    learned = kind == LEARNED or (kind == AUTO and needs_positions(spec, shape.layer))
    return replace(shape, num_positions=shape.layer.seq_len if learned else 0)


def needs_positions(spec: ModelSpec, shape: Shape) -> bool:
    """Whether no layer of the model knows where tokens stand, found out by trying each, with a window over all tokens.

    So it is of softmax attention without positions of its own, and of linear attention, whose state is a plain sum.
    """
    return all(_is_blind(layer, shape) for layer in spec.traits.layers or (spec,))


def _is_blind(spec: ModelSpec, shape: Shape) -> bool:
    length = shape.seq_len if spec.family == USER else min(shape.seq_len, _TRIED)  # whose layers take any length
    single = replace(shape, num_layers=1, window=max(shape.window, length))
    with seeds.same_draws():
        return blind_to_order(build.build(spec, single).eval(), length, shape.d_model)


@torch.no_grad()
def blind_to_order(mixer: nn.Module, seq_len: int, d_model: int) -> bool:
    """Whether the last output is the same whatever the order of the tokens before it."""
    x = torch.randn(1, seq_len, d_model)
    turned = torch.cat([x[:, :-1].flip(1), x[:, -1:]], dim=1)
    y, other = (build.call(mixer, each)[:, -1] for each in (x, turned))
    return bool((y - other).abs().max() <= _SAME * y.abs().max())
