"""Tasks for the training loop that are a few lines each, and a training of one of them."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.training.loop import Data, Training
from rnn_vs_attn.training.objectives import Classes
from rnn_vs_attn.training.plan import TrainingPlan
from rnn_vs_attn.training.token_model import positioned, token_model
from rnn_vs_attn.training.token_shape import TokenShape

VOCABULARY, LENGTH = 8, 6
SHAPE = TokenShape(Shape(1, LENGTH, 8, num_heads=2, num_layers=2), VOCABULARY, VOCABULARY, inner_width=16)


def recall(step: int, batch_size: int = 16, length: int = LENGTH, vocabulary: int = VOCABULARY) -> Batch:
    """At the last position the token of the first one: 3 1 4 1 5 0 -> 3, where 0 asks."""
    generator = torch.Generator().manual_seed(step)
    ids = torch.randint(1, vocabulary, (batch_size, length), generator=generator)
    ids[:, -1] = 0
    answers = torch.zeros(batch_size, length, dtype=torch.bool)
    answers[:, -1] = True
    return Batch(ids, ids[:, :1].expand_as(ids), answers)


DATA = Data(recall, [recall(10**6)])


def training(plan: TrainingPlan, model: str = "lstm", shape: TokenShape = SHAPE) -> Training:
    """One of a small model that is to learn `recall`."""
    spec = find(model)
    return Training(token_model(spec, positioned(spec, shape), seed=plan.seed), Classes(), plan)


def weights(of: Training) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in of.model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
