"""Every language model: what it says of segments with what it carries, and which carry something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from registry_models import SHAPE as LAYER
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure.states import mapped, tensors
from rnn_vs_attn.models.costs import ROTARY
from rnn_vs_attn.models.registry import MODELS, find
from rnn_vs_attn.training.language_model import (
    Carry,
    carry_of,
    language_model,
    matched,
    num_params,
    token_shape,
    uncarried,
)
from rnn_vs_attn.training.language_shape import LanguageModelShape, is_recurrent
from rnn_vs_attn.training.token_shape import NONE

VOCABULARY, SEGMENT, SEGMENTS = 11, 13, 3
WHOLE = SEGMENT * SEGMENTS
SHAPE = LanguageModelShape(LAYER, VOCABULARY, inner_width=48, memory_len=WHOLE)
RECURRENT = [spec.name for spec in MODELS if is_recurrent(spec)]
CARRY = pytest.mark.parametrize("name", [*RECURRENT, "lstm-lm", "transformer-xl", "gru+mingru"])


def made(name: str, shape: LanguageModelShape = SHAPE) -> nn.Module:
    return language_model(find(name), shape).double()


def ids_of(length: int = WHOLE, batch_size: int = 2) -> Tensor:
    return torch.randint(VOCABULARY, (batch_size, length), generator=torch.Generator().manual_seed(0))


def carried(model: nn.Module) -> Carry:
    carry = carry_of(model)
    assert carry is not None
    return carry


def logits_of(model: nn.Module, ids: Tensor) -> Tensor:
    said = model(ids)
    return said[0] if isinstance(said, tuple) else said


# What is carried


def test_those_that_carry_are_the_recurrences() -> None:
    assert {"lstm", "gru", "mingru", "mamba2", "gated-deltanet", "linear-attention"} <= set(RECURRENT)
    assert len(RECURRENT) == 13


@CARRY
@torch.no_grad()
def test_segments_with_what_is_carried_are_one_long_call(name: str) -> None:
    model = made(name).eval()
    carry, ids = carried(model), ids_of()
    state, found = carry.first(2), []
    for segment in ids.split([5, 1, SEGMENT, WHOLE - SEGMENT - 6], dim=1):
        logits, state = carry.segment(segment, state)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), logits_of(model, ids), rtol=0, atol=1e-9)
    alone = logits_of(model, ids[:, -SEGMENT:])
    assert (alone - found[-1][:, -SEGMENT:]).abs().max() > 1e-6  # and without it they are not


@torch.no_grad()
def test_transformer_xl_of_one_layer_remembers_as_far_as_its_memory() -> None:
    model = made("transformer-xl", replace(SHAPE, layer=replace(LAYER, num_layers=1), memory_len=4)).eval()
    ids, other = ids_of(), ids_of()
    other[:, : SEGMENT - 4] = (other[:, : SEGMENT - 4] + 1) % VOCABULARY
    nearer = ids.clone()
    nearer[:, SEGMENT - 1] = (nearer[:, SEGMENT - 1] + 1) % VOCABULARY
    carry, found = carried(model), []
    for each in (ids, other, nearer):
        _, state = carry.segment(each[:, :SEGMENT], carry.first(2))
        assert [part.shape for part in state] == [(2, 4, LAYER.d_model)]
        found.append(carry.segment(each[:, SEGMENT : 2 * SEGMENT], state)[0])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    assert (found[0] - found[2]).abs().max() > 1e-6
    assert [part.shape[1] for part in carried(made("transformer-xl", replace(SHAPE, memory_len=0))).first(2)] == [0, 0]


@CARRY
def test_no_gradient_goes_through_what_is_carried(name: str) -> None:
    """Those of a segment's loss are those where numbers stand in the place of what is carried."""
    model, ids = made(name), ids_of(2 * SEGMENT)
    carry = carried(model)
    _, state = carry.segment(ids[:, :SEGMENT], carry.first(2))
    assert not any(part.requires_grad for part in tensors(state))
    numbers = mapped(state, lambda part: torch.tensor(part.tolist(), dtype=part.dtype).view_as(part))

    def gradients(state: Any) -> list[Tensor | None]:
        model.zero_grad()
        logits, _ = carry.segment(ids[:, SEGMENT:-1], state)
        F.cross_entropy(logits.flatten(0, 1), ids[:, SEGMENT + 1 :].flatten()).backward()
        return [parameter.grad for parameter in model.parameters()]

    before = mapped(state, torch.clone)
    found, expected = gradients(before), gradients(numbers)
    assert any(gradient is not None and gradient.any() for gradient in found)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)


@pytest.mark.parametrize("name", RECURRENT)
def test_gradients_of_a_segment_are_those_of_a_forward(name: str) -> None:
    """What carries a state on can be trained by."""
    model, ids = made(name), ids_of(SEGMENT)
    carry = carried(model)
    ways = (lambda: model(ids), lambda: carry.segment(ids, carry.first(2))[0])
    found = []
    for way in ways:
        model.zero_grad()
        way().square().mean().backward()
        found.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    assert len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpt", "it has a learned vector for each position of a segment"),
        ("attention", "it has a learned vector for each position of a segment"),
        ("attention-relative", "it is no recurrence"),
        ("conv", "it is no recurrence"),
        ("lstm+attention", "it is no recurrence"),
        ("layers:RunningMean", "it has a learned vector for each position of a segment"),
        ("layers:Heads", "its layer has no state"),
    ],
)
def test_others_carry_nothing_and_it_is_said_why(name: str, said: str) -> None:
    shape = replace(SHAPE, token_positions=NONE) if name == "layers:Heads" else SHAPE
    model = language_model(find(name), shape)
    assert carry_of(model) is None
    assert uncarried(model).startswith(said)


def test_attention_with_rotary_positions_carries_nothing_either() -> None:
    model = language_model(find("attention"), replace(SHAPE, layer=replace(LAYER, positions=ROTARY)))
    assert uncarried(model).startswith("it is no recurrence")


# A user's own layers


USERS = replace(SHAPE, token_positions=NONE)


@pytest.mark.long
@pytest.mark.parametrize("name", ["carrying:Mean", "foreign_layers:TakesHx", "foreign_layers:StateOfManyThings"])
@torch.no_grad()
def test_a_users_layer_carries_a_state_that_agrees(name: str) -> None:
    model, ids = made(name, USERS).eval(), ids_of()
    assert uncarried(model) == ""
    carry = carried(model)
    first, state = carry.segment(ids[:, :SEGMENT], carry.first(2))
    second, _ = carry.segment(ids[:, SEGMENT:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), model(ids), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("carrying:KeepsAll", "its state grows with what it has seen"),
        ("layers:RunningMean", "its layer is carried on by one token at a time alone, which is no way to train"),
        ("foreign_layers:StateDoesNotAgree", "it offers a state (hx) that is not used, as two parts of a sequence"),
    ],
)
def test_a_users_layer_carries_no_other(name: str, said: str) -> None:
    model = language_model(find(name), USERS).train()
    assert carry_of(model) is None
    assert uncarried(model).startswith(said)
    assert model.training


# Building


def test_weights_follow_from_the_seed_alone_and_embeddings_begin_small() -> None:
    for name in ("gpt", "lstm-lm", "gru"):
        models = [language_model(find(name), SHAPE, seed) for seed in (1, 1, 2)]
        one, again, other = (torch.cat([p.flatten() for p in model.parameters()]) for model in models)
        assert torch.equal(one, again)
        assert not torch.equal(one, other)
    wide = replace(SHAPE, vocab_size=500)
    assert language_model(find("gru"), wide).embedding.weight.std().item() == pytest.approx(0.02, rel=0.03)


@pytest.mark.parametrize("name", ["albert", "trained:lstm@copy"])
def test_what_is_no_layer_is_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match="is no layer to build a language model of"):
        language_model(find(name), SHAPE)


def test_a_users_layer_that_knows_no_places_learns_them() -> None:
    assert token_shape(find("layers:RunningMean"), SHAPE).num_positions == LAYER.seq_len
    assert token_shape(find("foreign_layers:TakesHx"), SHAPE).num_positions == 0


@pytest.mark.parametrize("name", ["lstm-lm", "transformer-xl", "gru", "mamba2", "layers:RunningMean"])
def test_widths_match_the_parameters_of_a_baseline(name: str) -> None:
    """No multiple of the step beside it comes nearer."""
    spec, baseline, shape = find(name), find("gpt"), replace(SHAPE, inner_width=4 * LAYER.d_model)
    target, width = num_params(baseline, shape), matched(spec, shape, baseline).layer.d_model

    def away(width: int) -> int:
        return abs(num_params(spec, shape.at_width(width)) - target)

    step = 1 if name in ("lstm-lm", "gru") else LAYER.num_heads
    assert width % step == 0
    assert all(away(width) <= away(other) for other in (width - step, width + step))
    assert matched(baseline, shape, baseline) == shape
