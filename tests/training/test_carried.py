"""Trainings of segments with what is carried: losses against plain calls, what is dropped, interruptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from registry_models import SHAPE as LAYER
from torch import Tensor, nn
from torch.nn import functional as F
from training_data import same, weights

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.texts.segments import Segment
from rnn_vs_attn.training import loop
from rnn_vs_attn.training.carried import NextTokens
from rnn_vs_attn.training.course import DONE, STOPPED
from rnn_vs_attn.training.language_model import carry_of, language_model
from rnn_vs_attn.training.language_shape import LanguageModelShape
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import asked_of, score
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.snapshot import load_language, resume, save
from rnn_vs_attn.training.token_shape import NONE

VOCABULARY, SEGMENT, LANES, EPOCH = 11, 13, 4, 5
SHAPE = LanguageModelShape(LAYER, VOCABULARY, inner_width=48, memory_len=20, token_positions=NONE)
PLAN = TrainingPlan(steps=8, learning_rate=0.01, warm_up=2, evaluate_every=3, batch_size=LANES, seed=3)
CPU = torch.device("cpu")
TEXT = numpy.random.default_rng(0).integers(VOCABULARY, size=(LANES, EPOCH * SEGMENT + 1))
CARRYING = ("transformer-xl", "lstm-lm", "lstm", "mamba2", "lru", "carrying:Mean")


def segment(step: int) -> Segment:
    """Five a lane, then from the beginning."""
    begin = step % EPOCH * SEGMENT
    window = TEXT[:, begin : begin + SEGMENT + 1]
    return Segment(window[:, :-1].copy(), window[:, 1:].copy(), begin == 0)


DATA = Data(segment, [segment(0), segment(1)])


def training(name: str, plan: TrainingPlan = PLAN) -> Training:
    model = language_model(find(name), SHAPE, plan.seed)
    return Training(model, NextTokens(carry_of(model)), plan)


# What is learnt


@pytest.mark.parametrize("name", ["gpt", "transformer-xl", "gru", "conv"])
def test_the_loss_of_segments_is_that_of_plain_calls(name: str) -> None:
    """With what is carried in evaluation, over the whole of what was before."""
    model = language_model(find(name), replace(SHAPE, memory_len=5 * SEGMENT)).double().eval()
    objective, found = NextTokens(carry_of(model)), []
    for step in range(3):
        found.append(objective.loss(model, asked_of(segment(step), CPU)).item())
    carries = name in ("transformer-xl", "gru")
    ids, targets = (torch.from_numpy(TEXT[:, i : i + 3 * SEGMENT]) for i in (0, 1))
    pieces = [ids] if carries else ids.split(SEGMENT, dim=1)
    said = [model(piece) for piece in pieces]
    logits = torch.cat([each[0] if isinstance(each, tuple) else each for each in said], dim=1)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(LANES, -1)
    means = [part.mean().item() for part in expected.split(SEGMENT, dim=1)]
    assert found == pytest.approx(means, rel=1e-9)
    evaluated = score(model, objective, map(segment, range(3)), CPU)
    assert evaluated.loss == pytest.approx(expected.mean().item(), rel=1e-9)
    right = (logits.argmax(-1) == targets).double().mean().item()
    assert evaluated.accuracy == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("name", CARRYING)
def test_where_lanes_begin_anew_what_was_carried_is_dropped(name: str) -> None:
    model = language_model(find(name), SHAPE).double().eval()
    objective = NextTokens(carry_of(model))
    anew, goes_on = segment(0), replace(segment(0), first=False)
    alone = objective.loss(model, asked_of(anew, CPU)).item()
    after = objective.loss(model, asked_of(goes_on, CPU)).item()
    again = objective.loss(model, asked_of(anew, CPU)).item()
    assert alone == again != after


def test_evaluations_begin_anew_and_leave_training_what_it_carries() -> None:
    model = language_model(find("gru"), SHAPE).double()
    objective = NextTokens(carry_of(model))
    objective.loss(model, asked_of(segment(0), CPU))
    before = [part.clone() for part in objective.kept()]
    held_out = [replace(segment(step), first=False) for step in (2, 3)]
    scores = [score(model, objective, held_out, CPU) for _ in range(2)]
    assert scores[0] == scores[1]
    assert all(map(torch.equal, before, objective.kept()))
    with pytest.raises(ValueError, match="has one before it"):
        NextTokens(carry_of(model)).loss(model, asked_of(segment(1), CPU))


class Uniform(nn.Module):
    """Logits alike, in float32."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.full((vocabulary,), 0.7))

    def forward(self, ids: Tensor) -> Tensor:
        return self.bias.expand(*ids.shape, -1)


@pytest.mark.parametrize("tokens", [7, 40000])
def test_a_uniform_model_of_bytes_has_eight_bits_each(tokens: int) -> None:
    """Also where logits are looked at in several parts."""
    ids = numpy.arange(tokens)[None] % 256
    found = score(Uniform(256), NextTokens(None), [Segment(ids, ids, True)], CPU)
    assert found.loss / math.log(2) == pytest.approx(8, rel=1e-14)


@pytest.mark.long
@pytest.mark.parametrize("name", ["gpt", "gru"])
def test_a_text_of_one_byte_goes_to_nothing(name: str) -> None:
    ones = Segment(numpy.full((LANES, SEGMENT), 3), numpy.full((LANES, SEGMENT), 3), True)
    plan = replace(PLAN, steps=40, evaluate_every=40)
    course = training(name, plan).run(Data(lambda step: ones, [ones]))
    assert course.curve[0].loss == pytest.approx(math.log(VOCABULARY), rel=0.2)
    assert course.curve[-1].loss < 0.05


# Interruptions


def stopped_after(step: int) -> Callable[[Training], Callable[[], bool]]:
    return lambda training: lambda: training.course.step == step


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "step"),
    [*zip(CARRYING, [3] * 6, strict=True), *(("transformer-xl", step) for step in (0, 4)), ("carrying:Mean", 4)],
)
def test_what_was_interrupted_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: int
) -> None:
    """Before the first step, at an evaluation, and between two; it goes on from there within lanes."""
    whole = training(name)
    whole.run(DATA)
    monkeypatch.setattr(loop, "WINDOW_STEPS", 1)
    first = training(name)
    if step:
        first.run(DATA, stop=stopped_after(step)(first))
        assert (first.course.step, first.course.ending) == (step, STOPPED)
    save(tmp_path, first, name, asdict(SHAPE))
    second = training(name)
    with torch.no_grad():
        for parameter in second.model.parameters():
            parameter.zero_()
    resume(tmp_path, second, name, asdict(SHAPE))
    assert second.run(DATA).ending == DONE
    assert same(weights(whole), weights(second))
    assert all(map(torch.equal, whole.objective.kept(), second.objective.kept()))
    curves = [[replace(point, seconds=0) for point in each.course.curve] for each in (whole, second)]
    assert curves[0] == curves[1]


@pytest.mark.parametrize("name", ["transformer-xl", "lstm"])
def test_without_what_was_carried_the_weights_would_be_others(name: str) -> None:
    """So that the test above says something."""
    whole, other = training(name), training(name)
    whole.run(DATA)
    other.run(replace(DATA, batch=lambda step: replace(segment(step), first=step % EPOCH in (0, 3))))
    assert not same(weights(whole), weights(other))


@pytest.mark.parametrize("name", ["gpt", "transformer-xl", "gru"])
def test_a_language_model_is_loaded_from_its_folder_alone(tmp_path: Path, name: str) -> None:
    trained = training(name, replace(PLAN, steps=2, warm_up=0))
    trained.run(DATA)
    save(tmp_path, trained, name, asdict(SHAPE), text="a book")
    found, kept = load_language(tmp_path)
    assert same(weights(trained), found.state_dict())
    assert (kept.about, kept.course.step) == ({"text": "a book"}, 2)


def other_parts(found: list[Tensor]) -> list[Tensor]:
    return found[:-1]


def more_parts(found: list[Tensor]) -> list[Tensor]:
    return [*found, found[0]]


def other_digits(found: list[Tensor]) -> list[Tensor]:
    return [part.double() for part in found]


def no_parts(found: list[Tensor]) -> list[Tensor]:
    return []


@pytest.mark.parametrize("change", [other_parts, more_parts, other_digits, no_parts])
@pytest.mark.parametrize("name", ["transformer-xl", "lstm-lm", "carrying:Mean"])
def test_what_was_carried_by_another_model_is_refused(name: str, change: Callable[[list[Tensor]], Any]) -> None:
    model = language_model(find(name), SHAPE)
    objective, other = NextTokens(carry_of(model)), NextTokens(carry_of(model))
    objective.loss(model, asked_of(segment(0), CPU))
    other.take(objective.kept(), CPU)
    assert all(map(torch.equal, objective.kept(), other.kept()))
    with pytest.raises(UserError, match="is carried from segment to segment is not there, or is of another model"):
        other.take(change(objective.kept()), CPU)
    assert other.kept() == []


def test_what_carries_nothing_takes_nothing() -> None:
    objective = NextTokens(None)
    objective.take([], CPU)
    with pytest.raises(UserError, match="is of another model"):
        objective.take([torch.zeros(1)], CPU)


def test_a_checkpoint_of_something_else_is_no_language_model(tmp_path: Path) -> None:
    save(tmp_path, training("gru"), "gru", {"vocab_size": 8})
    with pytest.raises(UserError, match="is of no language model: KeyError: 'layer'"):
        load_language(tmp_path)
