"""Learning the next token, segment after segment, with what the model carries between them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation import seeds
from rnn_vs_attn.measure.states import mapped
from rnn_vs_attn.training.language_model import Carry
from rnn_vs_attn.training.objectives import Asked

_AT_ONCE = 1 << 22  # logits in float64 at once


class NextTokens:
    """Cross-entropy in nats of the next token; one is right where it has the largest logit.

    What is carried comes to a segment without a gradient, so that this ends at its beginning: truncated backpropagation
    through time, and Transformer-XL's recurrence (Dai et al. 2019, section 3.2). It is dropped where lanes begin anew,
    and evaluation has its own. carry: None of a model that sees each segment alone.
    """

    def __init__(self, carry: Carry | None) -> None:
        self.carry = carry
        self._state: Any = None  # before the next segment to train on, and
        self._tested: Any = None  # to evaluate on

    def loss(self, model: nn.Module, asked: Asked) -> Tensor:
        logits, self._state = self._said(model, asked, self._state)
        return F.cross_entropy(logits, asked.targets)

    def tally(self, model: nn.Module, asked: Asked) -> Tensor:
        """In float64 each: of V tokens alike the loss is log V to its last digits."""
        logits, self._tested = self._said(model, asked, self._tested)
        at_once = max(1, _AT_ONCE // logits.shape[-1])
        tallies = map(_tally, logits.split(at_once), asked.targets.split(at_once))
        return torch.stack(list(tallies)).sum(0)

    def _said(self, model: nn.Module, asked: Asked, state: Any) -> tuple[Tensor, Any]:
        """Logits (B L, V), and what is carried on."""
        if self.carry is None:
            return model(asked.inputs).flatten(0, 1), None
        if asked.first:
            state = self.carry.first(len(asked.inputs))
        elif state is None:
            raise ValueError("a segment that goes on has one before it")
        logits, state = self.carry.segment(asked.inputs, state)
        return logits.flatten(0, 1), state

    # In snapshots

    def kept(self) -> list[Tensor]:
        """What is carried to the next segment to train on, numbers as tensors; empty before the first."""
        found: list[Tensor] = []

        def note(value: Any) -> Any:
            if isinstance(value, Tensor | Number):
                found.append(torch.as_tensor(value))
            return value

        mapped(self._state, note, constant=note)
        return found

    def take(self, kept: Sequence[Tensor], device: torch.device) -> None:
        """Go on with what was kept after some steps. UserError where it is not what this model carries."""
        if self.carry is None and not kept:
            return
        parts = iter(kept)
        try:
            self._state = mapped(
                None if self.carry is None else _of_one_token(self.carry, device),
                lambda like: _fitting(next(parts), like),
                constant=lambda like: _number(next(parts), like) if isinstance(like, Number) else like,
            )
            rest = len(list(parts))
        except (StopIteration, RuntimeError, TypeError, ValueError):
            rest = 1
        if rest:
            self._state = None
            raise UserError("what is carried from segment to segment is not there, or is of another model")


@torch.no_grad()
def _of_one_token(carry: Carry, device: torch.device) -> Any:
    """A state as it is after a segment: of as many parts, and of other sizes."""
    with seeds.same_draws():
        return carry.segment(torch.zeros(1, 1, dtype=torch.long, device=device), carry.first(1))[1]


def _fitting(stored: Tensor, like: Tensor) -> Tensor:
    """A tensor of a file as one that stands in its place has it. ValueError where it is of another kind."""
    found = torch.view_as_complex(stored) if like.is_complex() else stored
    if found.ndim != like.ndim or found.dtype != like.dtype:
        raise ValueError(f"{found.ndim} axes of {found.dtype}, not {like.ndim} of {like.dtype}")
    return found.to(like.device, copy=True)


def _number(stored: Tensor, like: Any) -> Any:
    """A number of a file, of the type of the one in its place."""
    return type(like)(stored.item())


def _tally(logits: Tensor, targets: Tensor) -> Tensor:
    loss = F.cross_entropy(logits.double(), targets, reduction="sum")
    right = (logits.argmax(dim=-1) == targets).sum()
    return torch.stack([loss, right.double(), loss.new_tensor(len(targets))])
