"""What the worker runs of `lm`: one training on a text, how it goes, and what it has come to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rnn_vs_attn.errors import first_line
from rnn_vs_attn.measure.memory import kept_by_autograd
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models import build
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.pretrained_folder import gpt_folder
from rnn_vs_attn.models.language.pretrained_saving import save_gpt
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.lm import evaluation
from rnn_vs_attn.suites.lm.case import BASELINE, LmCase
from rnn_vs_attn.suites.lm.evaluation import Reader
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.stretches import Kept, stretches
from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.segments import Segment, Segments, windows
from rnn_vs_attn.texts.tokenizers import GPT2
from rnn_vs_attn.texts.tokens import Tokens
from rnn_vs_attn.training.carried import NextTokens
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.training.course import Progress
from rnn_vs_attn.training.fine_tuning import pretrained_gpt
from rnn_vs_attn.training.generation import tokens_after
from rnn_vs_attn.training.language_model import carry_of, language_model, matched
from rnn_vs_attn.training.language_shape import LanguageModelShape, shape_of_gpt
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import asked_of
from rnn_vs_attn.training.plan import TrainingPlan

TRANSFORMERS = "transformers"  # within a checkpoint's folder: GPT-2 in Hugging Face's layout
_DECAY, _BETAS = 0.1, (0.9, 0.99)  # nanoGPT's for small models
_CHOICE, _WRITTEN = Choice(temperature=0.8), 200  # tokens
_ADAMW_KEEPS = 4  # of each parameter: itself, its gradient and two averages


def train(case: LmCase, seed: int, folder: Path | None) -> Iterator[Progress | Sample]:
    """How the training of a case goes, stretch by stretch, and at its end all that is measured of it.

    folder: where it is kept, and goes on from what is there. CaseFault where that is damaged, or where the loss is no
    number any more.
    """
    tokens, shape = told.tokens(), shape_of(case)
    training = begun(case, shape, seed)
    about = {"text": case.text, "tokenizer": tokens.tokenizer, "tokenizer_sha256": told.tokenizer().sha256}
    kept = Kept(folder, case.model, asdict(shape), **about, round=seed, axes=axes_of(case))
    kept.go_on(training)
    yield from stretches(training, data_of(case, tokens, seed), kept)
    if folder is not None and isinstance(training.model, GPT):
        save_gpt(training.model, folder / TRANSFORMERS, _tokenizer_folder(folder.parent.parent))
    yield from samples(case, training, tokens, seed)


def shape_of(case: LmCase) -> LanguageModelShape:
    """The model's shape: that of the folder that it begins from, or else with the width that --match gives it."""
    if case.init_from:
        return shape_of_gpt(gpt_folder(_folder()).shape)
    layer = replace(case.shape, batch_size=1)
    vocab_size = told.tokens().vocab_size
    shape = LanguageModelShape(layer, vocab_size, case.mlp * case.d_model, case.memory_len, case.token_positions)
    spec = find(case.model)
    return shape if case.match == "none" or case.model == BASELINE else matched(spec, shape, find(BASELINE))


def begun(case: LmCase, shape: LanguageModelShape, seed: int) -> Training:
    """A case's training that has not begun, with the weights of its folder, or else of a seed."""
    if case.init_from:
        model: nn.Module = pretrained_gpt(_folder(), case.init_from)
    else:
        model = language_model(find(case.model), shape, seed)
    plan = TrainingPlan(
        case.steps,
        case.learning_rate,
        warm_up=case.warm_up,
        weight_decay=_DECAY,
        betas=_BETAS,
        batch_size=case.batch_size,
        evaluate_every=case.evaluate_every,
        seed=seed,
    )
    return Training(model.to(case.device), NextTokens(carry_of(model)), plan)


def _folder() -> Path:
    folder = told.folder()
    assert folder is not None, "a case that begins from a folder has been told which"
    return folder


def _tokenizer_folder(run: Path) -> Path:
    """Where the tokenizer's files are: of GPT-2's own beside its weights, of another but bytes in the run."""
    return _folder() if told.tokenizer().name == GPT2 else run


def probe(case: LmCase) -> None:
    """UserError where the weights that a case begins from cannot be used."""
    if case.init_from:
        pretrained_gpt(_folder(), case.init_from)


def data_of(case: LmCase, tokens: Tokens, seed: int) -> Data:
    """Segments to train on, of a seed, and those to evaluate on, which are the same for all."""
    return Data(Segments(tokens.train, case.batch_size, case.seq_len, seed).at, held_out(case, tokens))


def held_out(case: LmCase, tokens: Tokens) -> list[Segment]:
    """What a model is evaluated on."""
    return list(windows(tokens.held_out, case.seq_len, case.batch_size, case.held_out_tokens))


# What is measured


def samples(case: LmCase, training: Training, tokens: Tokens, seed: int) -> Iterator[Sample]:
    """Of a training that has ended."""
    course, model = training.course, training.model
    segments = held_out(case, tokens)
    answers = [segment.targets.flatten() for segment in segments]
    whole = partial(bits_per_byte, tokens, [int(i) for each in answers for i in each])
    number = sum(map(len, answers))
    yield Sample("bits_per_byte", whole(course.curve[-1].loss * number), details={"targets": number})
    for point in course.curve:
        yield Sample("curve_bits", whole(point.loss * number), {"step": point.step})
        if point.step:  # no time is 0 s
            yield Sample("curve_seconds", point.seconds, {"step": point.step})
    yield Sample("train_seconds", course.seconds)
    yield Sample("tokens_per_second", course.tokens / course.seconds)
    yield from _size(case, training, segments[0])
    reader = Reader(model.eval(), _objective(training).carry, case.seq_len)
    yield from _by_position(reader, segments, tokens, training.device)
    yield from _by_context(case, reader, tokens, seed, training.device)
    yield _written(model, tokens, case.seq_len, seed)
    yield from _of_text(tokens, number)


def bits_per_byte(tokens: Tokens, ids: Sequence[int], nats: float) -> float:
    """Of so many nats, which these targets cost together: over the bytes that they stand for, whatever the tokens."""
    return nats / math.log(2) / int(tokens.num_bytes[list(ids)].sum())


def _objective(training: Training) -> NextTokens:
    assert isinstance(training.objective, NextTokens)
    return training.objective


def _size(case: LmCase, training: Training, segment: Segment) -> Iterator[Sample]:
    """Parameters, the width, bytes of training and of what is carried on of one text."""
    model, carry = training.model, _objective(training).carry
    num_params = build.count_parameters(model)
    yield Sample("num_params", num_params)
    yield Sample("width", _width(model))
    asked = asked_of(replace(segment, first=False), training.device)
    step = NextTokens(carry)
    state = None if carry is None else carry.first(1)
    with torch.no_grad():  # until what is carried is as large as it gets
        for number in range(1 + -(-case.memory_len // case.seq_len)):
            step.loss(model.train(), replace(asked, first=number == 0))
            if carry is not None:
                _, state = carry.segment(asked.inputs[:1], state)
    kept = kept_by_autograd(lambda: step.loss(model, asked), model.parameters())
    yield Sample("train_memory", _ADAMW_KEEPS * 4 * num_params + kept)
    if carry is not None:
        yield Sample("state_size", decoding.state_bytes(state))


def _width(model: nn.Module) -> int:
    shape: Any = model.shape
    width: int = shape.d_model if hasattr(shape, "d_model") else shape.layer.d_model
    return width


def _by_position(reader: Reader, segments: Sequence[Segment], tokens: Tokens, device: torch.device) -> Iterator[Sample]:
    """Of segments that are read alone, by where in them a target stands."""
    length = segments[0].targets.shape[1]
    nats, targets = evaluation.by_position(reader, [s for s in segments if s.targets.shape[1] == length], device)
    for begin, end in evaluation.buckets(length):
        ids = targets[begin:end].flatten().tolist()
        yield Sample("bits_at_position", bits_per_byte(tokens, ids, float(nats[begin:end].sum())), {"position": end})


def _by_context(case: LmCase, reader: Reader, tokens: Tokens, seed: int, device: torch.device) -> Iterator[Sample]:
    """Of the same targets after more and more of the text before them; where a user's layer takes no more, why."""
    ids = _Part(tokens.held_out, case.held_out_tokens)
    contexts = [context for context in case.contexts if 2 * context <= len(ids)]
    if not contexts:
        return
    number, places = max(1, contexts[0] // 2), evaluation.ends(len(ids), contexts[-1], seed, case.windows)
    asked = [int(i) for at in places for i in ids[at - number + 1 : at + 1]]
    for context in contexts:
        try:
            nats = evaluation.losses(reader, ids, places, context, number, device)
        except Exception as error:
            if find(case.model).family != USER:
                raise
            reason = f"not tested after {context} tokens: {type(error).__name__}: {first_line(error)}"
            yield Sample("bits_at_context", None, {"context": context}, warnings=[reason])
            continue
        sees = min(context, reader.sees or context)
        details = {"sees": sees, f"nats_{seed}": [round(value, 4) for value in nats[:, -1].tolist()]}
        bits = bits_per_byte(tokens, asked, float(nats.sum()))
        yield Sample("bits_at_context", bits, {"context": context}, details=details)


class _Part:
    """The first of some ids."""

    def __init__(self, ids: Any, most: int) -> None:
        self._ids, self._most = ids, min(most, len(ids))

    def __len__(self) -> int:
        return self._most

    def __getitem__(self, part: slice) -> Any:
        return self._ids[part]


def _written(model: nn.Module, tokens: Tokens, seq_len: int, seed: int) -> Sample:
    """What it writes after the beginning of the held-out text."""
    prompt = tokens.held_out[: max(1, seq_len // 2)].tolist()
    decode = told.tokenizer().decode
    ids = [i for i in islice(tokens_after(model, prompt, _CHOICE, seed, seq_len), _WRITTEN) if i < tokens.vocab_size]
    details = {"prompt": decode(prompt).decode(errors="replace"), "text": decode(ids).decode(errors="replace")}
    return Sample("written", None, details=details)


def _of_text(tokens: Tokens, number: int) -> Iterator[Sample]:
    """What the same part of the text costs without a network. number: its targets, before which one token stands."""
    text = told.text()
    about = {"size": text.size, "sha256": text.sha256, "left_out": text.left_out, "name": text.name}
    about |= {"train_tokens": len(tokens.train), "held_out_tokens": len(tokens.held_out)}
    num_bytes = int(tokens.num_bytes[tokens.held_out[: number + 1]].sum())
    for baseline in told.baselines(num_bytes):
        yield Sample("baseline_bits", baseline.bits_per_byte, {"method": baseline.name}, details=about)


MEASUREMENT = Measurement(train=train, probe=probe)
