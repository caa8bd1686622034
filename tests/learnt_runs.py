"""The stored runs of `recall` out of their samples, without a function of the program."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Any

import pytest
from paths import REFERENCE

RUNS = (
    "full/recall",
    "learning/rates",
    "learning/panel-64-4",
    "learning/panel-128-8",
    "learning/copy",
    "learning/positions",
    "learning/vocab-256",
    "learning/rates-2400",
)
EACH = pytest.mark.parametrize("run", RUNS)
SOLVED, PATIENCE = 0.99, 2  # the accuracy, and times the steps that the other one took: as docs/recall.md has them
OF_ALL = ("round_time",)  # which is of no training
EXACT = ("num_params", "width", "state_bits", "best_accuracy")
LEAST_SEEDS = 6  # of which the extremes are 95 % of all, as both outside of a median are 2 / 2**6
Axes = dict[str, Any]
Line = dict[str, Any]


@dataclass
class Training:
    """One seed of a case. curve, lengths: (loss, accuracy) by step, and by the length, None where it was not tested."""

    axes: Axes
    seed: int
    values: dict[str, float | None] = field(default_factory=dict)
    curve: dict[int, dict[str, float]] = field(default_factory=dict)
    lengths: dict[int, dict[str, float | None]] = field(default_factory=dict)

    @property
    def steps(self) -> float | None:
        """The first evaluation from which on the task stays solved."""
        unsolved = [step for step, point in self.curve.items() if point["accuracy"] < SOLVED]
        later = [step for step in sorted(self.curve) if not unsolved or step > max(unsolved)]
        return later[0] if later else None


@cache
def stored(run: str, file: str) -> tuple[Line, ...]:
    return tuple(json.loads(line) for line in (REFERENCE / run / file).read_text().splitlines())


def key(axes: Axes, *but: str) -> str:
    return json.dumps(sorted((name, value) for name, value in axes.items() if name not in but))


@cache
def trainings(run: str) -> tuple[Training, ...]:
    """As the samples have them."""
    found: dict[tuple[str, int], Training] = {}
    for line in stored(run, "samples.jsonl"):
        if line["metric"] in OF_ALL:
            continue
        untested = line["metric"].endswith("_at_length") and line["value"] is None
        assert (line["status"], line["error"], len(line["warnings"])) == ("ok", "", untested)
        axes = {name: value for name, value in line["axes"].items() if name not in ("step", "length")}
        one = found.setdefault((key(axes), line["round"]), Training(axes, line["round"]))
        name, value = line["metric"], line["value"]
        if name.startswith("curve_"):
            one.curve.setdefault(line["axes"]["step"], {})[name.removeprefix("curve_")] = value
        elif name.endswith("_at_length"):
            one.lengths.setdefault(line["axes"]["length"], {})[name.removesuffix("_at_length")] = value
        else:
            one.values[name] = value
    return tuple(found.values())


def of(run: str, metric: str) -> list[Line]:
    return [record for record in stored(run, "records.jsonl") if record["metric"] == metric]


@dataclass
class Group:
    """All trainings of a model on a task. seeds: those of its best learning rate, in order."""

    axes: Axes
    best: float
    first: list[Training]
    seeds: list[Training]

    @property
    def solves(self) -> bool:
        return all(one.steps is not None for one in self.seeds)

    @property
    def never(self) -> bool:
        return all(one.steps is None for one in (*self.first, *self.seeds))

    def of(self, metric: str) -> list[float]:
        """Of every seed; infinity where there is none."""
        return [math.inf if (value := one.values[metric]) is None else value for one in self.seeds]


@cache
def groups(run: str) -> dict[str, Group]:
    """By all axes but the learning rate."""
    found: dict[str, list[Training]] = {}
    for one in trainings(run):
        found.setdefault(key(one.axes, "learning_rate"), []).append(one)
    return {name: group(alike) for name, alike in found.items()}


def group(alike: Sequence[Training]) -> Group:
    """The best rate by the first seed: the most accurate, of equal ones that of the least loss."""
    first = [one for one in alike if one.seed == 0]
    best = min(first, key=lambda one: (-(one.values["accuracy"] or 0), one.values["loss"])).axes["learning_rate"]
    seeds = sorted((one for one in alike if one.axes["learning_rate"] == best), key=lambda one: one.seed)
    return Group({n: v for n, v in alike[0].axes.items() if n != "learning_rate"}, best, first, seeds)


def estimates(values: Sequence[float | None], exact: bool = False) -> list[float | None]:
    """Median and interval, of which there is none below six seeds; neither where a seed has no value."""
    found = sorted(value for value in values if value is not None)
    if len(found) < len(values):
        return [None] * 3
    assert len(found) <= LEAST_SEEDS  # of more the extremes are wider than 95 %
    ends: list[float | None] = [found[0], found[-1]] if exact or len(found) == LEAST_SEEDS else [None, None]
    return [median(found), *ends]


# Tasks


def learns_positions(axes: Axes) -> bool:
    return axes["model"] == "attention" and axes["positions"] == "none"


def vocabulary(axes: Axes) -> int:
    """Tokens, which are as many classes."""
    return int(axes["vocab_size"] or {"mqar": 32, "copy": 10, "parity": 2}[axes["task"]])


def num_values(axes: Axes) -> int:
    """That are right answers, all equally often: half of all tokens, all but blank and mark, both."""
    tokens = vocabulary(axes)
    return {"mqar": tokens // 2, "copy": tokens - 2, "parity": 2}[axes["task"]]


def num_answers(axes: Axes, length: int) -> int:
    """Of an example: each pair once, each symbol, every position."""
    return int({"mqar": axes["num_pairs"] or 4, "copy": axes["num_symbols"], "parity": length}[axes["task"]])


# Claims


def verdict(solver: Group, other: Group) -> str:
    """By the rule that stands under every table. It holds or, where both solve it or it is the other way round, not."""
    if holds(solver, other):
        return "holds"
    return "does not hold here" if (solver.solves and other.solves) or holds(other, solver) else "undecided"


def holds(solver: Group, other: Group) -> bool:
    if not solver.solves or not other.never or len(solver.seeds) != len(other.seeds):
        return False
    return other.axes["steps"] >= PATIENCE * median(one.steps or math.inf for one in solver.seeds)


def claims(run: str) -> Iterator[tuple[Group, Group]]:
    """Attention and each recurrence: it solves recall and copying, and the one whose state moves on by a function of it
    parity.
    """
    for attention in groups(run).values():
        for other in groups(run).values():
            rivals = key(attention.axes, "model") == key(other.axes, "model")
            if rivals and attention.axes["model"] == "attention" != other.axes["model"]:
                yield (other, attention) if attention.axes["task"] == "parity" else (attention, other)
