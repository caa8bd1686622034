"""Parameters of language models in closed form, which layers learn positions, and widths."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from registry_models import LANGUAGE, LAYERS
from registry_models import SHAPE as LAYER

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.build import count_parameters
from rnn_vs_attn.models.costs import ROTARY
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.training.language_model import language_model
from rnn_vs_attn.training.language_shape import LanguageModelShape, is_recurrent, shape_of_gpt
from rnn_vs_attn.training.token_model import needs_positions
from rnn_vs_attn.training.token_shape import LEARNED, NONE

SHAPE = LanguageModelShape(LAYER, vocab_size=11, inner_width=72, memory_len=9)


@LANGUAGE
def test_parameters_of_language_models_are_those_of_the_closed_form(spec: ModelSpec) -> None:
    assert SHAPE.num_params(spec) == count_parameters(language_model(spec, SHAPE))


@LAYERS
@pytest.mark.parametrize("inner_width", [0, 48])
def test_parameters_of_layers_are_those_of_the_closed_form(spec: ModelSpec, inner_width: int) -> None:
    shape = replace(SHAPE, inner_width=inner_width)
    assert shape.num_params(spec) == count_parameters(language_model(spec, shape))


def test_parameters_by_hand() -> None:
    """GPT-2: V D + P D + N (12 D^2 + 13 D) + 2 D; an LSTM in blocks without MLP, of embedding, norms and head."""
    d, v, p, n = LAYER.d_model, 11, LAYER.seq_len, LAYER.num_layers
    shape = replace(SHAPE, inner_width=4 * d)
    assert shape.num_params(find("gpt")) == v * d + p * d + n * (12 * d * d + 13 * d) + 2 * d
    lstm = 4 * d * 2 * d + 8 * d
    plain = replace(SHAPE, inner_width=0)
    assert plain.num_params(find("lstm")) == v * d + n * (lstm + 2 * d) + 2 * d + (d + 1) * v


def test_what_must_be_built_has_no_closed_form() -> None:
    for shape in (SHAPE, replace(SHAPE, token_positions=NONE)):
        with pytest.raises(ValueError, match="known once it is built"):
            shape.num_params(find("layers:RunningMean"))


# Positions


@LAYERS
def test_layers_that_know_no_places_learn_them_unless_they_carry_a_state(spec: ModelSpec) -> None:
    learned = needs_positions(spec, LAYER) and not is_recurrent(spec)
    assert SHAPE.learns_positions(spec) == learned
    assert learned == (spec.name in ("attention", "attention-local", "attention-naive", "attention-gqa"))


@pytest.mark.parametrize("name", ["linear-attention+attention", "lstm+attention", "gru+mingru"])
def test_of_a_pattern_one_layer_that_knows_places_is_enough(name: str) -> None:
    assert SHAPE.learns_positions(find(name)) == needs_positions(find(name), LAYER)


def test_positions_as_asked() -> None:
    attention, user = find("attention"), find("layers:RunningMean")
    assert not replace(SHAPE, layer=replace(LAYER, positions=ROTARY)).learns_positions(attention)
    assert not replace(SHAPE, token_positions=NONE).learns_positions(attention)
    assert replace(SHAPE, token_positions=LEARNED).learns_positions(find("lstm"))
    assert SHAPE.learns_positions(user) is None  # it must be tried
    with pytest.raises(ValueError, match="'some' is none of auto, learned, none"):
        replace(SHAPE, token_positions="some")


# Sizes


def test_a_shape_goes_through_json_and_back() -> None:
    assert LanguageModelShape.of(json.loads(json.dumps(asdict(SHAPE)))) == SHAPE


def test_feed_forwards_grow_with_the_width() -> None:
    wider = SHAPE.at_width(40)
    assert (wider.layer.d_model, wider.inner_width) == (40, 120)
    own = replace(SHAPE, inner_width=100).own(find("gpt"))
    assert (own.context_len, own.inner_width, own.vocab_size) == (LAYER.seq_len, 100, 11)


@pytest.mark.parametrize("model", ["gpt", "transformer-xl"])
def test_what_a_language_model_cannot_be_is_one_sentence(model: str) -> None:
    spec = find(model)
    with pytest.raises(UserError, match="has a feed-forward in each of its blocks; give it a width above 0"):
        replace(SHAPE, inner_width=0).own(spec)
    with pytest.raises(UserError, match="d_model 26 is not divisible by num_heads 4"):
        SHAPE.at_width(26).own(spec)


def test_a_gpt_that_was_loaded_is_built_again_from_its_shape_if_it_is_as_published() -> None:
    shape = GPTShape(2, 24, 3, 31, 17, d_inner=40)
    assert shape_of_gpt(shape).own(find("gpt")) == shape
    assert shape_of_gpt(replace(shape, d_inner=None)).own(find("gpt")) == replace(shape, d_inner=96)
    with pytest.raises(UserError, match="has activation relu, and one that can be trained here has gelu_new"):
        shape_of_gpt(replace(shape, activation="relu"))
