"""What a task draws before it is known which split an example is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy
import numpy.typing

from rnn_vs_attn.tasks.drawing.random_numbers import Integers

Flags: TypeAlias = numpy.typing.NDArray[numpy.bool_]


@dataclass(frozen=True)
class Candidates:
    """Examples in a row each; shapes (B, L).

    inputs: token ids, which say all that was drawn; of `adding` twice the number, in units of 2^-23, and 1 where it is
    marked. targets: classes, 0 where there is no answer; of `adding` the sum, in the same units. answers: where an
    answer counts. allowed (B,): which rows are examples at all.
    """

    inputs: Integers
    targets: Integers
    answers: Flags
    allowed: Flags


def every(inputs: Integers, targets: Integers, answers: Flags) -> Candidates:
    """All rows are examples."""
    return Candidates(inputs, targets, answers, numpy.ones(len(inputs), dtype=bool))


def last(number: int, inputs: Integers, answer: Integers) -> Candidates:
    """Examples whose last `number` positions carry the answers (B, number)."""
    targets = numpy.zeros_like(inputs)
    targets[:, -number:] = answer
    answers = numpy.zeros(inputs.shape, dtype=bool)
    answers[:, -number:] = True
    return every(inputs, targets, answers)
