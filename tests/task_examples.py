"""Examples of tasks as lists, for tests that say in plain Python what their answers are."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.tasks.drawing.batches import TRAIN, Batch, draw
from rnn_vs_attn.tasks.registry import find


@dataclass(frozen=True)
class Example:
    """inputs: tokens, or (number, mark) of `adding`. answered: by position what is asked for there."""

    inputs: list
    answered: dict[int, float]


def batch(name: str, seq_len: int, number: int, split: str = TRAIN, seed: int = 0, **sizes: int) -> Batch:
    spec = find(name)
    return draw(spec, spec.sizes(seq_len, **sizes), seed, split, 0, number)


def examples(name: str, seq_len: int, number: int = 64, split: str = TRAIN, **sizes: int) -> list[Example]:
    found = batch(name, seq_len, number, split, **sizes)
    targets = found.targets.tolist()
    return [
        Example(inputs, {i: (row[i] if isinstance(row, list) else row) for i, here in enumerate(answers) if here})
        for inputs, row, answers in zip(found.inputs.tolist(), targets, found.answers.tolist(), strict=True)
    ]
