"""What is learnt: the loss at the answers of a batch and nowhere else, and how many of them are right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.tasks.drawing.batches import Batch
from rnn_vs_attn.texts.segments import Segment


@dataclass(frozen=True)
class Asked:
    """A batch on the model's device. targets: (A,). places: (A,), where they are, through the batch; None for all.

    first: whether nothing goes before it, as segments of a text do before others.
    """

    inputs: Tensor
    targets: Tensor
    places: Tensor | None
    first: bool = True


class Objective(Protocol):
    """A loss and a measure of it; both take the model itself, as what it is called with is theirs to say."""

    def loss(self, model: nn.Module, asked: Asked) -> Tensor:
        """The mean over the answers, ()."""

    def tally(self, model: nn.Module, asked: Asked) -> Tensor:
        """Sum of the losses, answers that are right (NaN where none can be), answers: (3,), float64."""


class Classes:
    """Cross-entropy in nats between classes; an answer is right where its class has the largest logit."""

    def loss(self, model: nn.Module, asked: Asked) -> Tensor:
        return F.cross_entropy(outputs(model, asked), asked.targets)

    def tally(self, model: nn.Module, asked: Asked) -> Tensor:
        logits = outputs(model, asked)
        loss = F.cross_entropy(logits, asked.targets, reduction="sum")
        right = (logits.argmax(dim=-1) == asked.targets).sum()
        return torch.stack([loss.double(), right.double(), loss.new_tensor(len(asked.targets)).double()])


class Numbers:
    """Squared error of a model with one output; no answer is right."""

    def loss(self, model: nn.Module, asked: Asked) -> Tensor:
        return F.mse_loss(outputs(model, asked).squeeze(-1), asked.targets)

    def tally(self, model: nn.Module, asked: Asked) -> Tensor:
        loss = F.mse_loss(outputs(model, asked).squeeze(-1), asked.targets, reduction="sum").double()
        return torch.stack([loss, torch.full_like(loss, math.nan), torch.full_like(loss, len(asked.targets))])


def outputs(model: nn.Module, asked: Asked) -> Tensor:
    """What a model says at the answers, (A, O)."""
    if asked.places is None:
        said: Tensor = model(asked.inputs).flatten(0, 1)
    elif getattr(model, "takes_places", False):
        said = model(asked.inputs, asked.places)
    else:
        said = model(asked.inputs).flatten(0, 1).index_select(0, asked.places)
    return said


def asked_of(batch: Batch | Segment, device: torch.device) -> Asked:
    """The batch on a device. Where answers are is found out before it goes there, as to count them there would wait.

    ValueError where nothing is asked, or numbers are not asked once a sequence.
    """
    if isinstance(batch, Segment):  # of which all is asked
        inputs, targets = (_sent(torch.from_numpy(ids), device) for ids in (batch.inputs, batch.targets))
        return Asked(inputs, targets.flatten(), None, batch.first)
    places = batch.answers.flatten().nonzero().squeeze(1)
    per_sequence = batch.targets.ndim == 1
    if not len(places) or (per_sequence and not bool((batch.answers.sum(1) == 1).all())):
        raise ValueError("a batch has answers, and where targets are one a sequence just one in each")
    everywhere = len(places) == batch.answers.numel()
    targets = batch.targets if per_sequence else batch.targets.flatten()
    if not (everywhere or per_sequence):
        targets = targets[places]
    inputs, targets = (_sent(each, device) for each in (batch.inputs, targets))
    return Asked(inputs, targets, None if everywhere else _sent(places, device))


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """To a GPU from pages that it can read by itself, so that nobody waits."""
    if tensor.device == device:
        return tensor
    pinned = tensor.pin_memory() if device.type == "cuda" and tensor.device.type == "cpu" else tensor
    return pinned.to(device, non_blocking=True)


@dataclass(frozen=True)
class Score:
    """Of all answers of some batches. accuracy: None where no answer can be right."""

    loss: float
    accuracy: float | None


def score(model: nn.Module, objective: Objective, batches: Iterable[Batch | Segment], device: torch.device) -> Score:
    """How good a model is on batches, in its mode for inference. ValueError where there are none."""
    tallies: list[Tensor] = []
    with _inference(model):
        for batch in batches:
            asked = asked_of(batch, device)
            tallies.append(objective.tally(model, asked if tallies else replace(asked, first=True)))
    if not tallies:
        raise ValueError("there is no batch to evaluate on; batches are gone through anew each time")
    loss, right, answers = torch.stack(tallies).sum(0).tolist()
    return Score(loss / answers, None if math.isnan(right) else right / answers)


@contextmanager
def _inference(model: nn.Module) -> Iterator[None]:
    before = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(before)
