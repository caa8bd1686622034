"""What the worker runs of `recall`: one training, how it goes, and what it has come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import has_state
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.models.spec import USER, ModelSpec
from rnn_vs_attn.records.types import AxisValue, Sample
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.recall.case import EXAMPLES, RecallCase
from rnn_vs_attn.suites.stretches import Kept, stretches
from rnn_vs_attn.tasks import registry as tasks
from rnn_vs_attn.tasks.bounds import best_accuracy
from rnn_vs_attn.tasks.drawing.batches import TEST, TRAIN, Batch, draw
from rnn_vs_attn.tasks.spec import Sizes
from rnn_vs_attn.training.course import Point, Progress, solved
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import Classes, Numbers, score
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.token_model import TokenModel, num_params, positioned, token_model
from rnn_vs_attn.training.token_shape import TokenShape

_FEATURES = 2  # of a token of `adding`: a number and its mark
_TOKENS_AT_ONCE = 1 << 14  # of a batch to test on
_TRIED = 64  # tokens that the steps of a layer are tried with


def train(case: RecallCase, seed: int, folder: Path | None) -> Iterator[Progress | Sample]:
    """How the training of a case goes, stretch by stretch, and at its end all that is measured of it.

    folder: where it is kept, and goes on from what is there. CaseFault where that is damaged, or where the loss is no
    number any more.
    """
    shape = shape_of(case)
    training = begun(case, shape, seed)
    about = {"task": case.task, "sizes": asdict(case.sizes), "round": seed, "axes": axes_of(case)}
    kept = Kept(folder, case.model, asdict(shape), **about)
    kept.go_on(training)
    yield from stretches(training, data_of(case, seed), kept)
    yield from samples(case, training, seed)


def begun(case: RecallCase, shape: TokenShape, seed: int) -> Training:
    """A case's training that has not begun, with the weights of a seed."""
    model = token_model(find(case.model), shape, seed).to(case.device)
    plan = TrainingPlan(
        case.steps,
        case.learning_rate,
        warm_up=case.warm_up,
        batch_size=case.batch_size,
        evaluate_every=case.evaluate_every,
        seed=seed,
    )
    return Training(model, Numbers() if tasks.find(case.task).real else Classes(), plan)


def data_of(case: RecallCase, seed: int) -> Data:
    """Batches to train on and examples to test on, of a seed."""
    spec, sizes = tasks.find(case.task), case.sizes

    def batch(step: int) -> Batch:
        return draw(spec, sizes, seed, TRAIN, step, case.batch_size)

    return Data(batch, list(held_out(case, sizes, seed)))


def held_out(case: RecallCase, sizes: Sizes, seed: int) -> Iterator[Batch]:
    """Examples to test on, of any length, in batches."""
    at_once = max(1, min(EXAMPLES, _TOKENS_AT_ONCE // sizes.seq_len))
    for index in range(-(-EXAMPLES // at_once)):
        yield draw(tasks.find(case.task), sizes, seed, TEST, index, at_once)


# The model


def shape_of(case: RecallCase) -> TokenShape:
    """The model's shape, with the width that --match gives it."""
    spec, width = find(case.model), case.d_model
    if case.match == "none":
        return _shape_at(case, spec, width)

    def amount(each: ModelSpec, width: int) -> int:
        return num_params(each, _shape_at(case, each, width))

    step = build.width_step(spec, case.shape)
    return _shape_at(case, spec, build.matched_width(spec, find(BASELINE), width, step, amount))


def _shape_at(case: RecallCase, spec: ModelSpec, width: int) -> TokenShape:
    task, sizes = tasks.find(case.task), case.sizes
    layer: Shape = replace(case.shape, d_model=width, batch_size=1)
    shape = TokenShape(
        layer,
        num_outputs=task.forms.num_classes(sizes),
        vocab_size=0 if task.real else sizes.vocab_size,
        num_features=_FEATURES if task.real else 0,
        inner_width=case.mlp * width,
    )
    return positioned(spec, shape, case.token_positions)


# What is measured


def samples(case: RecallCase, training: Training, seed: int) -> Iterator[Sample]:
    """Of a training that has ended: its last evaluation, its curve, when it solved the task, and other lengths."""
    curve = training.course.curve
    yield Sample("accuracy", curve[-1].accuracy)
    yield Sample("loss", curve[-1].loss)
    yield from _when_solved(case, curve)
    for point in curve:
        yield Sample("curve_loss", point.loss, {"step": point.step})
        yield Sample("curve_accuracy", point.accuracy, {"step": point.step})
    for seq_len in case.tested:
        yield from _at_length(case, training, seed, seq_len)
    yield Sample("num_params", build.count_parameters(training.model))
    yield Sample("width", training.model.shape.layer.d_model)
    yield Sample("train_seconds", training.course.seconds)
    yield from _memory(case, training.model)


def _when_solved(case: RecallCase, curve: Sequence[Point]) -> Iterator[Sample]:
    """Absent where the steps ended first."""
    found = solved(curve, case.enough)
    yield Sample("steps_to_solve", None if found is None else found.step)
    yield Sample("seconds_to_solve", None if found is None else found.seconds)


def _at_length(case: RecallCase, training: Training, seed: int, seq_len: int) -> Iterator[Sample]:
    """Accuracy and loss at a length, or why there is none."""
    at: dict[str, AxisValue] = {"length": seq_len}
    try:
        sizes = tasks.find(case.task).at(case.sizes, seq_len)
        found = score(training.model, training.objective, held_out(case, sizes, seed), training.device)
    except UserError as error:
        for name in ("accuracy_at_length", "loss_at_length"):
            yield Sample(name, None, at, warnings=[f"not tested at {seq_len} tokens: {error}"])
        return
    yield Sample("accuracy_at_length", found.accuracy, at)
    yield Sample("loss_at_length", found.loss, at)


def _memory(case: RecallCase, model: TokenModel) -> Iterator[Sample]:
    """The bits of what is carried from token to token after a training's length, and the best that they allow."""
    if not has_state(model.blocks):
        return
    wrong = _wrong_steps(case, model)
    if wrong:
        yield Sample("state_bits", None, warnings=[f"its state is not what it remembers by: {wrong}"])
        return
    bits = 8 * _state_bytes(model, case)
    yield Sample("state_bits", bits)
    best = best_accuracy(tasks.find(case.task), case.sizes, bits)
    if best is not None:
        yield Sample("best_accuracy", best)


def _wrong_steps(case: RecallCase, model: TokenModel) -> str:
    """Why the state of the user's own layer cannot be gone by, "" where its steps are its forward."""
    spec = find(case.model)
    if all(layer.family != USER for layer in spec.traits.layers or (spec,)):
        return ""
    inputs = draw(tasks.find(case.task), case.sizes, 0, TEST, 0, 1).inputs[:, :_TRIED].to(case.device)
    try:
        decoding.check(model.eval(), inputs, model.advance)
    except CaseFault as fault:
        return fault.reason
    except Exception as error:  # the user's code; what was trained is not lost by it
        return f"{type(error).__name__}: {first_line(error)}"
    return ""


@torch.no_grad()
def _state_bytes(model: TokenModel, case: RecallCase) -> int:
    """Of one example."""
    (batch,) = (draw(tasks.find(case.task), case.sizes, 0, TEST, 0, 1),)
    model.eval()
    _, state = model.advance(batch.inputs.to(case.device), model.initial_state(1))
    return decoding.state_bytes(state)


MEASUREMENT = Measurement(train=train)
