"""Small language models of bytes or of other ids, kept as `lm` keeps them, with weights that learnt nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from registry_models import SHAPE as LAYER
from torch import nn

from rnn_vs_attn.models.registry import find
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.carried import NextTokens
from rnn_vs_attn.training.course import Point
from rnn_vs_attn.training.language_model import language_model
from rnn_vs_attn.training.language_shape import LanguageModelShape
from rnn_vs_attn.training.loop import Training
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.snapshot import save

SEGMENT = 16
MODELS = ("gpt", "lstm-lm")


def shape_of(vocab_size: int = 256) -> LanguageModelShape:
    layer = replace(LAYER, batch_size=1, seq_len=SEGMENT)
    return LanguageModelShape(layer, vocab_size, inner_width=48, memory_len=SEGMENT)


def keep(
    folder: Path,
    model: str = "gpt",
    *,
    rate: float = 0.01,
    seed: int = 0,
    loss: float = 2.0,
    vocab_size: int = 256,
    **about: Any,
) -> nn.Module:
    """A model that says various things, in a folder. loss: that its curve ends with."""
    shape = shape_of(vocab_size)
    training = Training(
        language_model(find(model), shape, seed), NextTokens(None), TrainingPlan(4, rate, evaluate_every=4, seed=seed)
    )
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    training.course.step = 4
    training.course.curve.append(Point(4, 64, 1.0, 3.0, loss, 0.9 if loss > 2 else 0.1))
    known = {"tokenizer": "bytes", "tokenizer_sha256": "", "text": "novel.txt", "round": seed}
    save(folder, training, model, asdict(shape), **known | about)
    return training.model


def run_of(folder: Path, models: tuple[str, ...] = MODELS, **given: Any) -> Path:
    """A run with one training of each model, without its head."""
    for model in models:
        keep(folder / "trained" / f"{model}-0.01-0", model, **given)
    return folder


def change(folder: Path, **changes: Any) -> None:
    """Other things in a checkpoint's JSON; of its `about` those of a name that begins with about_."""
    file = folder / checkpoint.NAME
    document = json.loads(file.read_text())
    for name, value in changes.items():
        where, key = (document["about"], name[6:]) if name.startswith("about_") else (document, name)
        where[key] = value
    file.write_text(json.dumps(document))
