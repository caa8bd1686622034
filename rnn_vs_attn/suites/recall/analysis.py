"""What `recall` reads out of its trainings: each model's best learning rate, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import Group, derived, record_at, without
from rnn_vs_attn.records.types import AxisValue, Metric, Record
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites import learning_rates
from rnn_vs_attn.suites.learning_rates import RATE
from rnn_vs_attn.suites.recall.case import RecallCase
from rnn_vs_attn.training.course import merit

MODEL = "model"
SOLVED, UNSOLVED, PARTLY = "solved", "not solved", "solved in some seeds"
RATES_SOLVED = Metric("rates_solved", "1", "none", title="learning rates of the grid at which the first seed solved it")
METRICS = (RATES_SOLVED, VERDICT)


@dataclass(frozen=True)
class Outcome:
    """What became of one model on one task.

    axes: all but the learning rate. rate: the best one. accuracies, losses, steps, seconds: a seed each, of the best
    rate; steps and seconds infinite where it was not solved, as by a seed that failed. rates: how many there were;
    solved_at: how many of them solved it with the first seed; reached: whether some seed did at some rate. endless: how
    many trainings failed or were not come to, of which nobody knows what they would have solved.
    """

    axes: dict[str, Any]
    rate: float
    accuracies: list[float | None]
    losses: list[float]
    steps: list[float]
    seconds: list[float]
    rates: int
    solved_at: int
    reached: bool
    endless: int
    lost: bool

    @property
    def model(self) -> str:
        return str(self.axes[MODEL])

    @property
    def task(self) -> Group:
        """What its rivals on the same task have in common."""
        return without(self.axes, MODEL)

    @property
    def budget(self) -> int:
        """Steps of each training."""
        return int(self.axes["steps"])

    @property
    def word(self) -> str:
        if all(math.isfinite(steps) for steps in self.steps):
            return SOLVED
        return PARTLY if self.reached else UNSOLVED


def of_round(number: int, cases: Sequence[RecallCase], records: Sequence[Record]) -> list[RecallCase]:
    """All cases in the first round; in later ones each model's best learning rate by the first."""
    return learning_rates.best(number, cases, partial(_merit, records))


def _merit(records: Sequence[Record], axes: Mapping[str, AxisValue]) -> tuple[float, float] | None:
    """Of a case's first seed: the higher, the better."""
    accuracy, loss = (record_at(records, name, axes) for name in ("accuracy", "loss"))
    if loss is None or not loss.samples or loss.samples[0] is None:
        return None
    return merit(accuracy.samples[0] if accuracy is not None and accuracy.samples else None, loss.samples[0])


# Outcomes


def outcomes(records: Sequence[Record]) -> list[Outcome]:
    """Of each model on each task, where some training has ended."""
    groups: dict[Group, list[dict[str, AxisValue]]] = {}
    for record in records:
        if record.metric == "loss":
            groups.setdefault(without(record.axes, RATE), []).append(dict(record.axes))
    found = (_outcome(records, dict(group), cases) for group, cases in groups.items())
    return [outcome for outcome in found if outcome is not None]


def _outcome(records: Sequence[Record], axes: dict[str, Any], cases: list[dict[str, AxisValue]]) -> Outcome | None:
    whole = (case for case in cases if _samples(records, "steps_to_solve", case))  # an interruption may cut one off
    merits = {float(case[RATE] or 0): _merit(records, case) for case in whole}
    known = {rate: merit for rate, merit in merits.items() if merit is not None}
    if not known:
        return None
    best = max(known, key=lambda rate: known[rate])
    at = {rate: {**axes, RATE: rate} for rate in known}
    of = {
        name: _samples(records, name, at[best]) for name in ("accuracy", "loss", "steps_to_solve", "seconds_to_solve")
    }
    every = {rate: _samples(records, "steps_to_solve", at[rate]) for rate in known}
    lost = _failed(records, at[best])
    failed = [math.inf] * lost
    return Outcome(
        axes=axes,
        rate=best,
        accuracies=of["accuracy"],
        losses=[loss for loss in of["loss"] if loss is not None],
        steps=[math.inf if steps is None else steps for steps in of["steps_to_solve"]] + failed,
        seconds=[math.inf if seconds is None else seconds for seconds in of["seconds_to_solve"]] + failed,
        rates=len(known),
        solved_at=sum(samples[0] is not None for samples in every.values()),
        reached=any(steps is not None for samples in every.values() for steps in samples),
        endless=sum(case[RATE] not in known or _failed(records, case) for case in cases),
        lost=lost,
    )


def _failed(records: Sequence[Record], axes: Mapping[str, AxisValue]) -> bool:
    """Whether a later seed came to no end; those after it were not trained then."""
    loss = record_at(records, "loss", axes)
    return loss is not None and loss.status != "ok"


def _samples(records: Sequence[Record], name: str, axes: Mapping[str, AxisValue]) -> list[float | None]:
    record = record_at(records, name, axes)
    return list(record.samples) if record is not None else []


def derive(records: Sequence[Record]) -> list[Record]:
    """rates_solved of each model."""
    return [_rates_solved(records[0].suite, outcome) for outcome in outcomes(records)]


def _rates_solved(suite: str, outcome: Outcome) -> Record:
    count = float(outcome.solved_at)
    told = {"of": outcome.rates, "best": outcome.rate}
    return derived(RATES_SOLVED, suite, outcome.axes, [count], Estimate(count, None, None, 1), **told)
