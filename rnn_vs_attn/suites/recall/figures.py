"""What `recall` draws: accuracy over steps, over learning rates, and over lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rnn_vs_attn.records.query import Group, measured, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report.plots import Figure, Series
from rnn_vs_attn.suites.recall.analysis import RATE, Outcome, outcomes
from rnn_vs_attn.suites.recall.remarks import named_task


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


def _of_task(records: Sequence[Record], every: Sequence[Outcome], rivals: Sequence[Outcome]) -> Iterator[Figure]:
    task = named_task(every, rivals[0])
    has_accuracy = any(accuracy is not None for accuracy in rivals[0].accuracies)
    score, of_curve, at_length = (
        ("accuracy", "curve_accuracy", "accuracy_at_length")
        if has_accuracy
        else ("loss", "curve_loss", "loss_at_length")
    )
    ways: list[tuple[str, str, str, Callable[[Outcome], list[Record]], str]] = [
        ("steps", "learns", "step", lambda o: _at_best(records, o, of_curve), "step"),
        ("learning_rates", "over the learning rate", "learning rate", lambda o: _over_rates(records, o, score), RATE),
        ("lengths", "at other lengths", "tokens", lambda o: _at_best(records, o, at_length), "length"),
    ]
    for name, title, x_label, of, axis in ways:
        series = [_series(outcome.model, of(outcome), axis) for outcome in rivals]
        series = [line for line in series if len(line.x) > 1]
        if series:
            file = "-".join([score, name, *task.split()])
            yield Figure(file, f"{task} {title}: {score} on held-out examples", x_label, score, series)


def _at_best(records: Sequence[Record], outcome: Outcome, metric: str) -> list[Record]:
    return measured(records, metric, **{**outcome.axes, RATE: outcome.rate})


def _over_rates(records: Sequence[Record], outcome: Outcome, metric: str) -> list[Record]:
    return [
        r for r in measured(records, metric, **outcome.axes) if without(r.axes, RATE) == tuple(outcome.axes.items())
    ]


def _series(label: str, records: Sequence[Record], axis: str) -> Series:
    points = sorted((number(record.axes[axis]), record) for record in records) if records else []
    return Series(
        label,
        [x for x, _ in points],
        [record.median or 0.0 for _, record in points],
        [record.low for _, record in points],
        [record.high for _, record in points],
    )


def number(value: AxisValue) -> float:
    assert isinstance(value, int | float)
    return float(value)
