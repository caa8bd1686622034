"""The loss of targets after so much context, beside a plain loop over the same windows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.costs import ROTARY, Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.lm import evaluation
from rnn_vs_attn.suites.lm.evaluation import WINDOWS, Reader, buckets, by_position, ends, losses
from rnn_vs_attn.texts.segments import Segment, windows
from rnn_vs_attn.training.language_model import carry_of, language_model
from rnn_vs_attn.training.language_shape import LanguageModelShape

CPU = torch.device("cpu")
SEGMENT, VOCABULARY = 8, 11
SHAPE = LanguageModelShape(Shape(1, SEGMENT, 8, num_heads=2, num_layers=2), VOCABULARY, 16, memory_len=4 * SEGMENT)
IDS = numpy.random.default_rng(0).integers(0, VOCABULARY, 400)


def model_of(name: str, shape: LanguageModelShape = SHAPE) -> nn.Module:
    """Whose logits are far from alike."""
    model = language_model(find(name), shape, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model.double().eval()


def reader_of(model: nn.Module) -> Reader:
    return Reader(model, carry_of(model), SEGMENT)


def said(model: nn.Module, ids: Tensor) -> Tensor:
    logits = model(ids)
    found: Tensor = logits[0] if isinstance(logits, tuple) else logits
    return found


@torch.no_grad()
def one_by_one(model: nn.Module, places: list[int], context: int, number: int) -> Tensor:
    """The last targets of each window, which is read by itself in one call, (W, N)."""
    found = []
    for at in places:
        window = torch.from_numpy(IDS[at - context : at + 1])
        chances = F.log_softmax(said(model, window[None, :-1])[0, -number:].double(), -1)
        found.append(-chances[range(number), window[-number:]])
    return torch.stack(found)


def furthest(found: Tensor, expected: Tensor) -> float:
    """How far two are apart at most; infinite where they are not of one shape, or hold what is no number."""
    if found.shape != expected.shape:
        return math.inf
    apart = (found - expected).abs().max()
    return float(apart) if apart.isfinite() else math.inf


# By context


@pytest.mark.parametrize("name", ["gpt", "attention"])
@pytest.mark.parametrize("context", [1, 3, SEGMENT, 4 * SEGMENT])
def test_a_model_that_sees_a_segment_is_given_the_last_tokens_of_the_context(name: str, context: int) -> None:
    model = model_of(name)
    places = ends(len(IDS), context, 0)
    number = min(3, context)
    expected = one_by_one(model, places, min(context, SEGMENT), number)
    assert furthest(losses(reader_of(model), IDS, places, context, number, CPU), expected) <= 1e-9


@pytest.mark.parametrize("name", ["lstm-lm", "lstm", "mingru", "mamba2", "gated-deltanet"])
@pytest.mark.parametrize("context", [3, SEGMENT, 4 * SEGMENT])
def test_a_recurrence_that_carries_its_state_is_one_long_call(name: str, context: int) -> None:
    model = model_of(name)
    places = ends(len(IDS), context, 0)
    number = min(3, context)
    expected = one_by_one(model, places, context, number)
    assert furthest(losses(reader_of(model), IDS, places, context, number, CPU), expected) <= 1e-7


@pytest.mark.parametrize("context", [3, SEGMENT, 4 * SEGMENT])
def test_a_memory_that_covers_the_context_is_one_long_segment(context: int) -> None:
    model = model_of("transformer-xl")
    longer = replace(SHAPE, layer=replace(SHAPE.layer, seq_len=4 * SEGMENT), memory_len=0)
    whole = model_of("transformer-xl", longer)
    whole.load_state_dict(model.state_dict())
    places = ends(len(IDS), context, 0)
    number = min(3, context)
    expected = one_by_one(whole, places, context, number)
    assert furthest(losses(reader_of(model), IDS, places, context, number, CPU), expected) <= 1e-9


def test_without_a_memory_no_more_than_the_last_segment_is_seen() -> None:
    model = model_of("transformer-xl", replace(SHAPE, memory_len=0))
    places = ends(len(IDS), 4 * SEGMENT, 0)
    number = min(3, 4 * SEGMENT)
    expected = one_by_one(model, places, SEGMENT, number)
    assert furthest(losses(reader_of(model), IDS, places, 4 * SEGMENT, number, CPU), expected) <= 1e-9


def test_attention_that_knows_distances_reads_all_at_once() -> None:
    model = model_of("attention", replace(SHAPE, layer=replace(SHAPE.layer, positions=ROTARY)))
    places = ends(len(IDS), 4 * SEGMENT, 0)
    number = min(3, 4 * SEGMENT)
    expected = one_by_one(model, places, 4 * SEGMENT, number)
    assert furthest(losses(reader_of(model), IDS, places, 4 * SEGMENT, number, CPU), expected) <= 1e-9


@pytest.mark.parametrize(
    ("name", "shape", "sees"),
    [
        ("gpt", SHAPE, SEGMENT),
        ("linear-attention", replace(SHAPE, token_positions="learned"), SEGMENT),
        ("lstm-lm", SHAPE, None),
        ("mingru", SHAPE, None),
        ("attention", replace(SHAPE, layer=replace(SHAPE.layer, positions=ROTARY)), None),
        ("transformer-xl", replace(SHAPE, memory_len=5), 2 * SEGMENT + 5),
        ("transformer-xl", replace(SHAPE, memory_len=9), 3 * SEGMENT + 9),
        ("transformer-xl", replace(SHAPE, memory_len=0), SEGMENT),
    ],
)
def test_how_far_each_sees(name: str, shape: LanguageModelShape, sees: int | None) -> None:
    """By hand: from the last segment its layers reach memory_len back, and to the beginning of that segment."""
    assert reader_of(model_of(name, shape)).sees == sees


@torch.no_grad()
@pytest.mark.parametrize("memory_len", [0, 3, 8, 9])
def test_a_memory_sees_just_as_far(memory_len: int) -> None:
    """Another token there changes what is said, one before it does not."""
    reader = reader_of(model_of("transformer-xl", replace(SHAPE, memory_len=memory_len)))
    ids = torch.from_numpy(IDS[: 6 * SEGMENT])[None]
    assert reader.sees is not None
    changed = []
    for back in (reader.sees, reader.sees + 1):
        other = ids.clone()
        other[0, -back] = (other[0, -back] + 1) % VOCABULARY
        changed.append(bool((reader.last(other, 1) != reader.last(ids, 1)).any()))
    assert changed == [True, False]


def test_a_large_vocabulary_is_read_a_few_windows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits of 64 windows of 256 tokens of GPT-2's vocabulary would take 3 GiB."""
    model = model_of("gpt")
    places = ends(len(IDS), SEGMENT, 0)
    expected = losses(reader_of(model), IDS, places, SEGMENT, 2, CPU)
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    monkeypatch.setattr(evaluation, "_LOGITS", 3 * SEGMENT * VOCABULARY)
    assert furthest(losses(reader_of(model), IDS, places, SEGMENT, 2, CPU), expected) <= 1e-12
    assert sizes == [3] * 85 + [1]


# Windows


def test_ends_by_hand() -> None:
    """Ten ids with four before each: six are left, at all of which a window ends."""
    assert ends(10, 4, 0) == [4, 5, 6, 7, 8, 9]
    assert ends(4 + 3 * WINDOWS, 4, 0) == [4 + 3 * i for i in range(WINDOWS)]


@pytest.mark.parametrize("num_ids", [65, 66, 400, 32_768])
def test_each_window_ends_within_the_ids_with_enough_of_them_before_it(num_ids: int) -> None:
    for seed in range(200):
        found = ends(num_ids, 64, seed)
        assert len(found) == len(set(found)) == min(WINDOWS, num_ids - 64)
        assert 64 <= min(found) <= max(found) < num_ids


def test_seeds_have_windows_of_their_own() -> None:
    found = [set(ends(32_768, 256, seed)) for seed in range(20)]
    assert sum(map(len, found)) == len(set.union(*found)) == 20 * WINDOWS


# By position


class Says(nn.Module):
    """The same logits everywhere, but for position 2, where all are alike."""

    def forward(self, ids: Tensor) -> Tensor:
        logits = torch.zeros(*ids.shape, 4)
        logits[..., 0] = math.log(5)
        logits[:, 2] = 0
        return logits


def segment(rows: list[list[int]]) -> Segment:
    ids = numpy.array(rows)
    return Segment(ids[:, :-1], ids[:, 1:], first=True)


def test_nats_by_position_by_hand() -> None:
    """Token 0 has 5 of 8 parts, each other one 1."""
    segments = [segment([[1, 0, 1, 3], [0, 0, 0, 0]]), segment([[2, 2, 2, 2], [0, 1, 0, 0]])]
    nats, asked = by_position(Reader(Says(), None, 3), segments, CPU)
    common, rare = math.log(8 / 5), math.log(8)
    expected = [2 * common + 2 * rare, 2 * common + 2 * rare, 4 * math.log(4)]
    assert nats.tolist() == pytest.approx(expected)
    assert asked.tolist() == [[0, 0, 2, 1], [1, 0, 2, 0], [3, 0, 2, 0]]


@torch.no_grad()
@pytest.mark.parametrize("name", ["gpt", "mingru", "transformer-xl"])
def test_each_segment_is_read_alone(name: str) -> None:
    """Whatever was before it, as its first position shows."""
    model = model_of(name)
    segments = list(windows(IDS, SEGMENT, 4, 4 * 5 * SEGMENT))
    nats, asked = by_position(reader_of(model), segments, CPU)
    expected = torch.zeros(SEGMENT, dtype=torch.float64)
    for each in segments:
        for inputs, answers in zip(each.inputs, each.targets, strict=True):
            chances = F.log_softmax(said(model, torch.from_numpy(inputs)[None])[0].double(), -1)
            expected -= chances[range(SEGMENT), answers]
    torch.testing.assert_close(nats, expected)
    assert asked.shape == (SEGMENT, 20)


def test_buckets_double() -> None:
    assert list(buckets(1)) == [(0, 1)]
    assert list(buckets(8)) == [(0, 1), (1, 2), (2, 4), (4, 8)]
    assert list(buckets(11)) == [(0, 1), (1, 2), (2, 4), (4, 8), (8, 11)]


def test_logits_by_position_are_in_float64_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    segments: list[Any] = [segment([[1, 0, 1, 3], [0, 0, 0, 0]])]
    expected, _ = by_position(Reader(Says(), None, 3), segments, CPU)
    monkeypatch.setattr(evaluation, "_LOGITS", 1)
    found, _ = by_position(Reader(Says(), None, 3), segments, CPU)
    assert found.dtype == torch.float64
    assert torch.equal(found, expected)
