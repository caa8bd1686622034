"""What `recall` draws: accuracy over steps, over learning rates, and over lengths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report.plots import Figure, Level, Series
from rnn_vs_attn.suites.recall.analysis import RATE, Outcome, outcomes
from rnn_vs_attn.suites.recall.words import chance_of, named_task


def figures(records: Sequence[Record]) -> list[Figure]:
    """Of each task its three figures, those that have something to show."""
    tasks: dict[Group, list[Outcome]] = {}
    for outcome in outcomes(records):
        tasks.setdefault(outcome.task, []).append(outcome)
    every = [outcome for rivals in tasks.values() for outcome in rivals]
    return [figure for rivals in tasks.values() for figure in _of_task(records, every, rivals)]


def chart(records: Sequence[Record]) -> Figure | None:
    """The learning curves of the first task, for a terminal."""
    return next(iter(figures(records)), None)


@dataclass(frozen=True)
class _Way:
    """One of the figures of a task. of: the records that it shows of a model; axis: what they are drawn over."""

    name: str
    title: str
    x_label: str
    of: Callable[[Outcome], list[Record]]
    axis: str


def _of_task(records: Sequence[Record], every: Sequence[Outcome], rivals: Sequence[Outcome]) -> Iterator[Figure]:
    """Accuracy as a share, or the logarithm of the loss where there is none."""
    has_accuracy = any(accuracy is not None for accuracy in rivals[0].accuracies)
    score = "accuracy" if has_accuracy else "loss"
    ways = (
        _Way("steps", "as it is trained", "step", partial(_at_best, records, f"curve_{score}"), "step"),
        _Way("rates", "over the learning rate", "learning rate", partial(_over_rates, records, score), RATE),
        _Way("lengths", "over the length", "tokens", partial(_at_best, records, f"{score}_at_length"), "length"),
    )
    task = named_task(every, rivals[0])
    for way in ways:
        series = [_series(outcome.model, way.of(outcome), way.axis, not has_accuracy) for outcome in rivals]
        series = [line for line in series if len(line.x) > 1]
        if series:
            yield Figure(
                name="-".join([score, way.name, *task.split()]),
                title=f"{task} {way.title}: {score} on held-out examples, median of the seeds",
                x_label=way.x_label,
                y_label=score,
                series=series,
                levels=[_chance(rivals[0])],
                log10=not has_accuracy,
                share=has_accuracy,
                linear_x=way.axis == "step",
            )


def _chance(outcome: Outcome) -> Level:
    chance = chance_of(outcome)
    return Level("chance", math.log10(chance.loss) if chance.accuracy is None else chance.accuracy)


def _at_best(records: Sequence[Record], metric: str, outcome: Outcome) -> list[Record]:
    return measured(records, metric, **{**outcome.axes, RATE: outcome.rate})


def _over_rates(records: Sequence[Record], metric: str, outcome: Outcome) -> list[Record]:
    return [
        r for r in measured(records, metric, **outcome.axes) if without(r.axes, RATE) == tuple(outcome.axes.items())
    ]


def _series(label: str, records: Sequence[Record], axis: str, logarithm: bool) -> Series:
    points = sorted(records, key=lambda record: number(record.axes[axis]))

    def y(value: float | None) -> float | None:
        return math.log10(value) if logarithm and value else value

    return Series(
        label,
        [number(record.axes[axis]) for record in points],
        [y(record.median) or 0.0 for record in points],
        [y(record.low) for record in points],
        [y(record.high) for record in points],
    )


def number(value: AxisValue) -> float:
    assert isinstance(value, int | float)
    return float(value)
