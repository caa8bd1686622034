"""Folders of trained models as a run of `recall` leaves them: tiny ones, of a few steps or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.tasks import registry
from rnn_vs_attn.tasks.drawing.batches import TEST, TRAIN, draw
from rnn_vs_attn.training.course import DONE, Point
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import Classes, Numbers
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.snapshot import save
from rnn_vs_attn.training.token_model import positioned, token_model
from rnn_vs_attn.training.token_shape import TokenShape

LENGTH, WIDTH = 24, 8
SIZES: dict[str, dict[str, int]] = {"copy": {"num_symbols": 4}}


def shape_of(model: str, task: str = "copy", seq_len: int = LENGTH) -> TokenShape:
    """Two blocks of width 8 with an MLP of 16."""
    spec = registry.find(task)
    sizes = spec.sizes(seq_len, **SIZES.get(task, {}))
    layer = Shape(1, seq_len, WIDTH, num_heads=2, num_layers=2)
    plain = TokenShape(
        layer, spec.forms.num_classes(sizes), sizes.vocab_size, 2 if spec.real else 0, inner_width=2 * WIDTH
    )
    return positioned(find(model), plain)


def keep(
    folder: Path,
    model: str = "lstm",
    task: str = "copy",
    *,
    seed: int = 0,
    rate: float = 0.01,
    steps: int = 2,
    seq_len: int = LENGTH,
    ending: tuple[float | None, float] | None = None,
) -> Training:
    """A training of a few steps, kept in a folder. ending: accuracy and loss that its curve is made to end with."""
    spec, shape = registry.find(task), shape_of(model, task, seq_len)
    sizes = spec.sizes(seq_len, **SIZES.get(task, {}))
    plan = TrainingPlan(steps, rate, batch_size=4, evaluate_every=steps, seed=seed)
    training = Training(token_model(find(model), shape, seed), Numbers() if spec.real else Classes(), plan)
    held_out = [draw(spec, sizes, seed, TEST, 0, 4)]
    training.run(Data(lambda step: draw(spec, sizes, seed, TRAIN, step, 4), held_out))
    assert training.course.ending == DONE
    if ending is not None:
        last: Point = training.course.curve[-1]
        training.course.curve[-1] = replace(last, accuracy=ending[0], loss=ending[1])
    axes: dict[str, Any] = {"model": model, "task": task, "seq_len": seq_len, "learning_rate": rate, "steps": steps}
    save(folder, training, model, asdict(shape), task=task, sizes=asdict(sizes), round=seed, axes=axes)
    return training


def run_of(folder: Path, models: Sequence[str] = ("lstm",), seeds: int = 2, **given: Any) -> Path:
    """A run with so many seeds of each model."""
    for model in models:
        for seed in range(seeds):
            keep(folder / "trained" / f"{model.replace(':', '-')}-{seed}", model, seed=seed, **given)
    return folder
