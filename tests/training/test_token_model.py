"""The model of tokens with every layer of the registry: parameters, causality, states, positions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from registry_models import LAYERS
from registry_models import SHAPE as LAYER
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.build import count_parameters
from rnn_vs_attn.models.costs import ALIBI, ROTARY
from rnn_vs_attn.models.mixer import has_state
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.training.token_model import (
    TokenModel,
    needs_positions,
    num_params,
    positioned,
    token_model,
)
from rnn_vs_attn.training.token_shape import LEARNED, NONE, TokenShape

SHAPE = TokenShape(LAYER, num_outputs=5, vocab_size=7, inner_width=48)
PATTERN = find("lstm+attention")


def made(spec: ModelSpec, shape: TokenShape = SHAPE) -> tuple[TokenModel, Tensor]:
    """A model in float64, and ids for it (B, L)."""
    model = token_model(spec, positioned(spec, shape)).double().eval()
    return model, torch.randint(7, (2, shape.layer.seq_len), generator=torch.Generator().manual_seed(0))


@LAYERS
@torch.no_grad()
def test_every_layer_maps_tokens_to_outputs_and_sees_no_future(spec: ModelSpec) -> None:
    model, ids = made(spec)
    other = ids.clone()
    other[:, 6:] = (other[:, 6:] + 1) % 7
    before, after = model(ids), model(other)
    assert before.shape == (2, LAYER.seq_len, 5)
    torch.testing.assert_close(before[:, :6], after[:, :6], rtol=0, atol=1e-12)
    assert (before[:, 6:] - after[:, 6:]).abs().max() > 1e-4


@LAYERS
@pytest.mark.parametrize("inner_width", [0, 48])
def test_parameters_are_those_of_the_closed_form(spec: ModelSpec, inner_width: int) -> None:
    shape = positioned(spec, replace(SHAPE, inner_width=inner_width))
    assert num_params(spec, shape) == count_parameters(TokenModel(spec, shape))


def test_parameters_of_patterns_numbers_and_users_layers() -> None:
    for spec, shape in (
        (PATTERN, positioned(PATTERN, SHAPE, LEARNED)),
        (find("lstm"), TokenShape(LAYER, num_outputs=1, num_features=2)),
        (find("layers:RunningMean"), SHAPE),
    ):
        assert num_params(spec, shape) == count_parameters(TokenModel(spec, shape))


@pytest.mark.long
@LAYERS
@torch.no_grad()
def test_token_by_token_it_says_what_it_says_of_the_whole_at_lengths_not_trained(spec: ModelSpec) -> None:
    longer = 2 * LAYER.seq_len - 3
    shape = positioned(spec, replace(SHAPE, layer=replace(LAYER, seq_len=longer)))
    if not needs_positions(spec, LAYER):
        shape = SHAPE
    model = token_model(spec, shape).double().eval()
    ids = torch.randint(7, (2, longer))
    whole = model(ids)
    if not has_state(model.blocks):
        pytest.skip("it has no state")
    first, state = model.advance(ids[:, :5], model.initial_state(2))
    found = [first]
    for token in ids[:, 5:].unbind(1):
        y, state = model.step(token, state)
        found.append(y.unsqueeze(1))
    torch.testing.assert_close(torch.cat(found, 1), whole, rtol=0, atol=1e-11)
    assert state[0] == longer


@torch.no_grad()
def test_the_model_is_the_formula() -> None:
    """Embedding and position, u + mixer(norm(u)), u + MLP(norm(u)), norm, head; the mixer in one line."""
    spec = find("layers:RunningMean")
    model, ids = made(spec, replace(SHAPE, layer=replace(LAYER, num_layers=1)))
    block, width = model.blocks[0], (LAYER.d_model,)
    x = model.embedding.weight[ids] + model.positions
    x = x + block.mixer.project(F.layer_norm(x, width)).cumsum(1) / torch.arange(1, 14)[:, None]
    widen, narrow = block.mlp[1], block.mlp[3]
    x = x + F.gelu(F.layer_norm(x, width) @ widen.weight.T + widen.bias) @ narrow.weight.T + narrow.bias
    expected = F.layer_norm(x, width) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(ids), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_outputs_at_places_are_those_of_the_whole() -> None:
    model, ids = made(find("gru"))
    places = torch.tensor([3, 12, 13, 25])
    torch.testing.assert_close(model(ids, places), model(ids).flatten(0, 1)[places], rtol=0, atol=1e-13)


def test_tokens_that_are_numbers_are_mapped_by_a_matrix() -> None:
    model = token_model(find("lstm"), TokenShape(LAYER, num_outputs=1, num_features=2))
    assert model(torch.randn(3, 9, 2)).shape == (3, 9, 1)
    assert isinstance(model.embedding, nn.Linear)


def test_weights_follow_from_the_seed_alone_and_what_is_drawn_after_it_goes_on() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    models = [token_model(find("attention"), SHAPE, seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(2), expected)
    one, again, other = (torch.cat([p.flatten() for p in model.parameters()]) for model in models)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("std", [1.0, 0.02])
def test_vectors_of_tokens_and_positions_begin_with_their_spread(std: float) -> None:
    layer = replace(LAYER, seq_len=400)
    shape = TokenShape(layer, 2, vocab_size=500, num_positions=400, embedding_std=std)
    model = token_model(find("attention"), shape)
    assert isinstance(model.embedding, nn.Embedding)
    for tensor in (model.embedding.weight, model.positions):
        assert tensor is not None
        assert tensor.std().item() == pytest.approx(std, rel=0.03)


def test_ids_out_of_range_are_one_sentence() -> None:
    model, ids = made(find("lstm"))
    with pytest.raises(UserError, match=r"token id 7 is out of range: the vocabulary has ids 0 to 6"):
        model(ids + 1)


# Positions


@LAYERS
def test_layers_get_positions_that_add_up_what_they_see_whatever_its_order(spec: ModelSpec) -> None:
    """By their definitions: softmax attention without positions, whatever its heads, and linear attention's sum."""
    blind = ("attention", "attention-local", "attention-naive", "attention-gqa", "linear-attention")
    assert needs_positions(spec, LAYER) == (spec.name in blind)
    assert positioned(spec, SHAPE).num_positions == (LAYER.seq_len if spec.name in blind else 0)


@pytest.mark.parametrize("positions", [ROTARY, ALIBI])
def test_attention_with_positions_of_its_own_needs_no_others(positions: str) -> None:
    layer = replace(LAYER, positions=positions)
    assert not needs_positions(find("attention"), layer)


def test_positions_of_patterns_users_layers_and_as_asked() -> None:
    assert not needs_positions(PATTERN, LAYER)
    assert needs_positions(find("attention+attention-local"), LAYER)
    assert needs_positions(find("layers:RunningMean"), LAYER)
    assert positioned(find("attention"), SHAPE, NONE).num_positions == 0
    assert positioned(find("lstm"), SHAPE, LEARNED).num_positions == 13


def test_what_is_longer_than_learned_positions_is_refused_and_without_them_taken() -> None:
    attention = find("attention")
    model, _ = made(attention)
    longer = torch.zeros(1, 14, dtype=torch.long)
    with pytest.raises(UserError, match="position 14 is beyond the 13 that have a learned vector"):
        model(longer)
    _, state = model.advance(longer[:, :13], model.initial_state(1))
    with pytest.raises(UserError, match="position 14 is beyond the 13"):
        model.step(longer[:, 0], state)
    for shape in (positioned(attention, SHAPE, NONE), replace(SHAPE, layer=replace(LAYER, positions=ROTARY))):
        assert token_model(attention, shape)(longer).shape == (1, 14, 5)
