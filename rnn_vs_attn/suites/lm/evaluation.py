"""How well a language model uses what went before: the loss of single targets, by how much of that it is given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.suites.lm.case import WINDOWS
from rnn_vs_attn.texts.segments import Segment
from rnn_vs_attn.texts.tokens import Ids
from rnn_vs_attn.training.language_model import Carry
from rnn_vs_attn.training.token_model import TokenModel

_AT_ONCE = 64  # of them at most, and
_LOGITS = 1 << 22  # at once
_TURN = (math.sqrt(5) - 1) / 2  # of the way from a window to the next, from seed to seed: no two seeds have the same


@dataclass(frozen=True)
class Reader:
    """A model with what it carries from segment to segment, None for nothing. seq_len: of a segment."""

    model: nn.Module
    carry: Carry | None
    seq_len: int

    @property
    def most(self) -> int | None:
        """How many tokens it takes at once, None for any number."""
        if isinstance(self.model, GPT):
            return self.model.shape.context_len
        if isinstance(self.model, TokenModel) and self.model.positions is not None:
            return len(self.model.positions)
        return None

    @property
    def sees(self) -> int | None:
        """How many tokens before a target it can see at most, None for any number.

        A memory reaches back once more in each layer (Dai et al. 2019, section 3.2), and to where the segment began
        that it ends in.
        """
        if not isinstance(self.model, TransformerXL):
            return self.most
        memory_len, num_layers = self.model.shape.evaluation_memory_len, self.model.shape.num_layers
        whole = math.ceil(memory_len / self.seq_len) * self.seq_len
        return self.seq_len + (num_layers - 1) * whole + memory_len

    def at_once(self, length: int) -> int:
        """How many windows of so many tokens are read together."""
        shape: Any = self.model.shape
        return max(1, min(_AT_ONCE, _LOGITS // (min(length, self.most or length) * shape.vocab_size)))

    def last(self, windows: Tensor, number: int) -> Tensor:
        """Ids (B, C) -> logits after each of their last N, (B, N, V); of more ids than it can see its last are read."""
        if self.carry is None:
            seen = windows if self.most is None else windows[:, -self.most :]
            logits: Tensor = self.model(seen)
        else:
            state = self.carry.first(len(windows))
            for segment in windows.split(self.seq_len, dim=1):
                logits, state = self.carry.segment(segment, state)
        return logits[:, -number:]

    def alone(self, inputs: Tensor) -> Tensor:
        """Ids (B, L) of a segment -> logits (B, L, V), nothing being known of what was before it."""
        if self.carry is None:
            said: Tensor = self.model(inputs)
            return said
        return self.carry.segment(inputs, self.carry.first(len(inputs)))[0]


def ends(num_ids: int, longest: int, seed: int, most: int = WINDOWS) -> list[int]:
    """Where windows of up to so many ids end, evenly over all ids, at other places for another seed; `most` of them."""
    room = num_ids - longest
    number = min(most, room)
    begin = _TURN * seed % 1
    return [longest + int((i + begin) * room / number) for i in range(number)]


@torch.no_grad()
def losses(reader: Reader, ids: Ids, places: Sequence[int], length: int, number: int, device: torch.device) -> Tensor:
    """Nats of the last N targets of windows of so many ids, which end before each place: (W, N), float64.

    The last target of a window has all of them before it, the first of the N as many less.
    """
    found: list[Tensor] = []
    at_once = reader.at_once(length)
    for begin in range(0, len(places), at_once):
        rows = [torch.from_numpy(ids[at - length : at + 1]) for at in places[begin : begin + at_once]]
        windows = torch.stack(rows).to(device)
        found.append(_nats(reader.last(windows[:, :-1], number), windows[:, -number:]))
    return torch.cat(found)


@torch.no_grad()
def by_position(reader: Reader, segments: Sequence[Segment], device: torch.device) -> tuple[Tensor, Tensor]:
    """Nats at each position of segments that are read alone, and targets there: (L, ) and (L, B N)."""
    nats, asked = [], []
    for segment in segments:
        inputs, answers = (torch.from_numpy(part).to(device) for part in (segment.inputs, segment.targets))
        nats.append(_nats(reader.alone(inputs), answers))
        asked.append(answers)
    return torch.cat(nats).sum(0), torch.cat(asked).T


def _nats(logits: Tensor, answers: Tensor) -> Tensor:
    """Of each answer (B, L), in float64, so many of the logits (B, L, V) at once."""
    at_once = max(1, _LOGITS // logits.shape[-1])
    parts = zip(logits.flatten(0, 1).split(at_once), answers.flatten().split(at_once), strict=True)
    costs = [F.cross_entropy(said.double(), right, reduction="none") for said, right in parts]
    return torch.cat(costs).view_as(answers)


def buckets(seq_len: int) -> Iterator[tuple[int, int]]:
    """Positions of a segment as 1, 2, 3 to 4, 5 to 8, ...: the first of them, counted from 0, and where they end."""
    begin, end = 0, 1
    while begin < seq_len:
        yield begin, min(end, seq_len)
        begin, end = end, 2 * end
