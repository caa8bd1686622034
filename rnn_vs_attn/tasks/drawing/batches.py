"""Batches for training and testing: pure functions of sizes, seed, split and index, the same on every machine.

Which split an example is of follows from the example: a hash of its inputs, of which one of FOLDS residues is for
testing. So no example is in both, whatever is drawn and however often: one of the other split is drawn again. Sequences
are apart as a whole; one may begin as another of the other split does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy
import torch
from torch import Tensor

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.tasks.drawing import memory, recall, state_tracking
from rnn_vs_attn.tasks.drawing.candidates import Candidates, Flags
from rnn_vs_attn.tasks.drawing.random_numbers import Integers, Stream
from rnn_vs_attn.tasks.registry import find
from rnn_vs_attn.tasks.spec import Sizes, TaskSpec

TRAIN, TEST = "train", "test"
SPLITS = (TRAIN, TEST)
FOLDS = 8  # one of which is for testing
_AT_ONCE = 1 << 20  # tokens drawn at once at most
_TRIES = 64  # times as many drawn as are needed at the rate of the split, before it is given up

DRAWERS: dict[str, Callable[[Stream, int, Sizes], Candidates]] = {
    "adding": memory.adding,
    "copy": memory.copy,
    "selective-copy": memory.selective_copy,
    "induction": recall.induction,
    "mqar": recall.mqar,
    "lookup-prefix": recall.lookup_prefix,
    "parity": state_tracking.parity,
    "mod-arithmetic": state_tracking.mod_arithmetic,
    "permutation": state_tracking.permutation,
}


@dataclass(frozen=True)
class Batch:
    """Examples.

    inputs: token ids (B, L), or of `adding` (B, L, 2), float32: numbers, and 1 where they are marked. targets: classes
    (B, L), 0 where there is no answer, or real numbers (B,), float32. answers (B, L): where the answer is given, and
    the only positions that count.
    """

    inputs: Tensor
    targets: Tensor
    answers: Tensor


def draw(spec: TaskSpec, sizes: Sizes, seed: int, split: str, index: int, batch_size: int) -> Batch:
    """Batch number `index` of a split: other numbers for every seed, split and index, always the same for these.

    sizes: as spec.sizes or spec.at give them. UserError where examples of that split are too hard to come by.
    """
    stream, kept, missing = Stream(seed, SPLITS.index(split), index), [], batch_size
    share = 1 / FOLDS if split == TEST else 1 - 1 / FOLDS
    left = _TRIES * (batch_size / share + FOLDS)
    while missing:
        rows = max(1, min(int(1.1 * missing / share) + FOLDS, _AT_ONCE // sizes.seq_len))
        found = DRAWERS[spec.name](stream, rows, sizes)
        chosen = numpy.flatnonzero(found.allowed & (for_testing(found.inputs) == (split == TEST)))[:missing]
        kept.append([part[chosen] for part in (found.inputs, found.targets, found.answers)])
        missing, left = missing - len(chosen), left - rows
        if missing and left < 0:
            way = "raise its length or its other sizes"
            raise UserError(f"examples of {spec.name} to {split} on are too rare at {sizes.seq_len} tokens; {way}")
    inputs, targets, answers = (numpy.concatenate(parts) for parts in zip(*kept, strict=True))
    numbers = memory.real(inputs, targets) if spec.real else (inputs, targets)
    return Batch(*(torch.from_numpy(part) for part in (*numbers, answers)))


def for_testing(inputs: Integers) -> Flags:
    """(B,) of inputs (B, L): whether an example is one to test on, by a hash of all its tokens and their places."""
    hashes = [blake2b(row, digest_size=1).digest()[0] for row in inputs.astype("<u4")]  # all are below 2^32
    return numpy.array(hashes) % FOLDS == 0


def shown(name: str, seq_len: int, seed: int = 0, **sizes: int) -> str:
    """The first training example of a task in two lines: what is read, and below it what is asked for, if anything."""
    spec = find(name)
    batch = draw(spec, spec.sizes(seq_len, **sizes), seed, TRAIN, 0, 1)
    asked = batch.answers[0].tolist()
    if spec.real:
        read = [f"{value:.2f}{'*' * int(mark)}" for value, mark in batch.inputs[0].tolist()]
        answers = [f"{batch.targets[0].item():.2f}"] * len(asked)
    else:
        read, answers = [[str(token) for token in row[0].tolist()] for row in (batch.inputs, batch.targets)]
    answers = [answer if here else "-" for answer, here in zip(answers, asked, strict=True)]
    width = max(len(word) for word in (*read, *answers))
    return "\n".join(" ".join(word.rjust(width) for word in row) for row in (read, answers))
