"""Any layer, or a language model of the registry, from token ids to logits; and what it carries between segments.

Dai et al. 2019, section 3.2: what was computed of the segments before is kept and read again, without a gradient. Of
Transformer-XL that is its memory of hidden states; of a recurrence its state, which is as large after a million tokens
as after one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.isolation import seeds
from rnn_vs_attn.measure.states import mapped
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models import build
from rnn_vs_attn.models.language.lstm import LSTMLanguageModel
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.load import load
from rnn_vs_attn.models.mixer import advances_at_once, has_state, refused_state
from rnn_vs_attn.models.spec import CONFIGURED, ENCODER, LANGUAGE, TRAINED, USER, ModelSpec
from rnn_vs_attn.training import token_model
from rnn_vs_attn.training.language_shape import LanguageModelShape, is_recurrent
from rnn_vs_attn.training.token_model import TokenModel
from rnn_vs_attn.training.token_shape import TokenShape

_NO_RECURRENCE = "it is no recurrence, and keeps nothing of what was before a segment"
_LEARNED = "it has a learned vector for each position of a segment"
_TRIED = 16  # tokens that the state of a user's layer is tried with


def language_model(spec: ModelSpec, shape: LanguageModelShape, seed: int = 0) -> nn.Module:
    """The model with the weights of a seed: ids (B, L) -> logits (B, L, V), or of `transformer-xl` log-probabilities
    and a memory. UserError where it is none or its shape does not fit.
    """
    if spec.family == LANGUAGE:
        make: Any = load(spec)
        with seeds.same_draws(seed):
            made: nn.Module = make(shape.own(spec))
        return made
    return token_model.token_model(spec, token_shape(spec, shape), seed)


def token_shape(spec: ModelSpec, shape: LanguageModelShape) -> TokenShape:
    """Of the model of tokens that a layer sits in. UserError where the model is no layer."""
    if spec.family in (LANGUAGE, ENCODER, CONFIGURED, TRAINED):
        raise UserError(f"{spec.name} is no layer to build a language model of; name a layer, gpt, transformer-xl, ...")
    learned = shape.learns_positions(spec)
    return shape.of_tokens(token_model.needs_positions(spec, shape.layer) if learned is None else learned)


def num_params(spec: ModelSpec, shape: LanguageModelShape) -> int:
    """Elements of all parameters, in closed form where the model has one; else its layers are built."""
    if spec.family == LANGUAGE:
        return shape.num_params(spec)
    return token_model.num_params(spec, token_shape(spec, shape))


def matched(spec: ModelSpec, shape: LanguageModelShape, baseline: ModelSpec) -> LanguageModelShape:
    """The shape at the width at which a model has as nearly as can be the parameters of the baseline at `shape`."""

    def amount(each: ModelSpec, width: int) -> int:
        return num_params(each, shape.at_width(width))

    step = build.width_step(spec, shape.layer)
    return shape.at_width(build.matched_width(spec, baseline, shape.layer.d_model, step, amount))


# What is carried


class Carry(Protocol):
    """What a model carries from segment to segment."""

    def first(self, batch_size: int) -> Any:
        """Before the first segment."""

    def segment(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Ids (B, L) and what was carried to them -> logits (B, L, V) and what is carried on, without gradient."""


@dataclass(frozen=True)
class CarriedState:
    """The state of recurrent layers."""

    model: TokenModel | LSTMLanguageModel

    def first(self, batch_size: int) -> Any:
        return self.model.initial_state(batch_size)

    def segment(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        logits, state = self.model.advance(ids, state)
        return logits, mapped(state, _of_its_own)


@dataclass(frozen=True)
class CarriedMemory:
    """Transformer-XL's hidden states of the last positions, of each layer's input."""

    model: TransformerXL

    def first(self, batch_size: int) -> list[Tensor]:
        weight = self.model.embedding.rows[0]
        return [weight.new_empty(batch_size, 0, self.model.shape.d_model) for _ in self.model.layers]

    def segment(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        logits, memory = self.model(ids, state)
        return logits, [_of_its_own(part) for part in memory]


def _of_its_own(tensor: Tensor) -> Tensor:
    """Without gradient and in memory of its own, which lies as that of a tensor that was read from a file."""
    return tensor.detach().clone(memory_format=torch.contiguous_format)


def carry_of(model: nn.Module) -> Carry | None:
    """What a model carries from segment to segment; None where it sees a segment alone, which `uncarried` says why."""
    if uncarried(model):
        return None
    if isinstance(model, TransformerXL):
        return CarriedMemory(model)
    assert isinstance(model, TokenModel | LSTMLanguageModel)
    return CarriedState(model)


def uncarried(model: nn.Module) -> str:
    """Why a model carries nothing from segment to segment, "" where it does.

    A user's own layer does where what it computes in two parts is what it computes in one, of a state that does not
    grow, as keys and values would.
    """
    if isinstance(model, TransformerXL | LSTMLanguageModel):
        return ""
    if not isinstance(model, TokenModel) or model.positions is not None:
        return _LEARNED
    if model.spec.family == USER:
        return _uncarried_of_user(model)
    return "" if is_recurrent(model.spec) else _NO_RECURRENCE


def _uncarried_of_user(model: TokenModel) -> str:
    if not has_state(model.blocks):
        return refused_state(model.blocks) or "its layer has no state"
    if not advances_at_once(model.blocks):
        return "its layer is carried on by one token at a time alone, which is no way to train"
    training = model.training
    try:
        with seeds.same_draws():
            return _wrong_state(model.eval())
    except CaseFault as fault:
        return fault.reason
    except Exception as error:  # the user's code
        return f"{type(error).__name__}: {first_line(error)}"
    finally:
        model.train(training)


@torch.no_grad()
def _wrong_state(model: TokenModel) -> str:
    """What is wrong with the state of a user's layer, or a CaseFault that says it."""
    ids = torch.randint(model.shape.vocab_size, (1, _TRIED), device=model.head.weight.device)
    decoding.check(model, ids, model.advance)
    sizes = [decoding.state_bytes(model.advance(ids[:, :n], model.initial_state(1))[1]) for n in (_TRIED // 2, _TRIED)]
    return "" if sizes[0] == sizes[1] else "its state grows with what it has seen"
