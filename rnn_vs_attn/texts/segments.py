"""What each step of a training reads, a pure function of seed and step, and the windows of an evaluation.

Segments follow each other within lanes, as Transformer-XL is trained (Dai et al. 2019, section 3.2): what a model keeps
of one step is the context of the next, until an epoch begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy
import numpy.typing

from rnn_vs_attn.tasks.drawing.random_numbers import Integers, Stream
from rnn_vs_attn.texts.lanes import Lanes
from rnn_vs_attn.texts.tokens import Ids


@dataclass(frozen=True)
class Segment:
    """inputs, targets: ids (B, L), int64, the targets one further. first: what was kept of the step before is void."""

    inputs: Integers
    targets: Integers
    first: bool


@dataclass(frozen=True)
class Segments:
    """Steps of a training on ids, without end: an epoch after another. UserError where there are too few ids."""

    ids: Ids
    batch_size: int
    seq_len: int
    seed: int

    def __post_init__(self) -> None:
        _ = self.lanes

    @cached_property
    def lanes(self) -> Lanes:
        return Lanes(len(self.ids), self.batch_size, self.seq_len)

    def at(self, step: int) -> Segment:
        """What step 0, 1, ... reads."""
        epoch, index = divmod(step, self.lanes.steps)
        offset = int(Stream(self.seed, index=epoch).below(self.lanes.spare + 1, 1)[0])
        begins = [lane * self.lanes.stride + offset + index * self.seq_len for lane in range(self.batch_size)]
        return _segment(self.ids, begins, self.seq_len, first=index == 0)


def windows(ids: Ids, seq_len: int, batch_size: int, most: int) -> Iterator[Segment]:
    """All ids but the first as targets once each, or the first `most` of them: lanes side by side, as in training.

    Each lane is read in windows of seq_len and ends in a shorter one; what is left over, fewer ids than there are
    lanes, follows as a lane of its own. There are fewer lanes than batch_size where one would be shorter than a window.
    """
    num_targets = max(0, min(len(ids) - 1, most))
    num_lanes = max(1, min(batch_size, num_targets // seq_len))
    length = num_targets // num_lanes
    yield from _read(ids, [lane * length for lane in range(num_lanes)], length, seq_len)
    yield from _read(ids, [num_lanes * length], num_targets - num_lanes * length, seq_len)


def _read(ids: Ids, begins: list[int], length: int, seq_len: int) -> Iterator[Segment]:
    """Lanes of so many targets from their beginning to their end."""
    for place in range(0, length, seq_len):
        yield _segment(ids, [begin + place for begin in begins], min(seq_len, length - place), first=place == 0)


def _segment(ids: Ids, begins: list[int], length: int, first: bool) -> Segment:
    rows = numpy.stack([ids[begin : begin + length + 1] for begin in begins])
    return Segment(rows[:, :-1], rows[:, 1:], first)
