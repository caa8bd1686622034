"""One table that joins a model's speed, memory, gradient reach, accuracy and bits a byte, out of runs of any suites."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import recorded
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED
from rnn_vs_attn.pages.entries import Entry
from rnn_vs_attn.records.query import Group, record_at, without
from rnn_vs_attn.records.types import LAUNCH_BOUND, Axes, Record
from rnn_vs_attn.report.tables import FAULT_WORDS, LAUNCH_MARK
from rnn_vs_attn.suites import columns
from rnn_vs_attn.suites.columns import TRAIN
from rnn_vs_attn.suites.learning_rates import RATE

MODEL, TASK, STEPS, SECONDS = "model", "task", "steps", "seconds_per_model"
ABSENT = "not measured"
_SMALL = 0.0005  # half of an interval that is not worth its letters


@dataclass(frozen=True)
class Measure:
    """A column: of which suite, which metric, how it is written.

    launched: the pass of which it is told whether its time is that of the host's launches. instead: the metric whose
    word stands for no value. open_end: an axis beyond which nothing was asked, so that a value at its end may be any
    larger one.
    """

    title: str
    suite: str
    metric: str
    write: Callable[[float], str]
    axes: Axes = field(default_factory=dict)
    launched: str = ""
    instead: str = ""
    open_end: str = ""

    def value(self, record: Record) -> str:
        """The median, with ≥ where it is at an open end."""
        median = record.median or 0.0
        end = record.axes.get(self.open_end)
        return f"{'≥ ' * (isinstance(end, int) and median >= end - 1)}{self.write(median)}"


def _kibibytes(value: float) -> str:
    return columns.whole(value / 1024) if value >= 1 << 20 else columns.kibibytes(value)


MEASURES = (
    Measure("training pass, ms", "bench", "train_time", units.milliseconds, launched="train"),
    Measure("memory of training, MiB", "bench", "peak_memory", units.mebibytes, TRAIN),
    Measure("next token, ms", "decode", "step_time", units.milliseconds, launched="step"),
    Measure("state, KiB", "decode", "state_size", _kibibytes),
    Measure("gradient's half-life, tokens", "gradflow", "half_life", units.significant, instead="gradient_law"),
    Measure("gradient's reach, tokens", "gradflow", "reach", columns.whole, open_end="seq_len"),
    Measure("accuracy", "recall", "accuracy", units.significant),
    Measure("bits a byte", "lm", "bits_per_byte", units.significant),
)


@dataclass(frozen=True)
class Value:
    """What stands in a cell: a record with a value, or with a word or a reason in its place, or nothing."""

    record: Record | None
    entry: Entry | None = None
    best: bool = False

    def text(self, measure: Measure) -> str:
        """Its median with half of its interval, a word, or the reason why there is no number."""
        record = self.record
        if record is None:
            return ABSENT
        if record.ok:
            return measure.value(record) + LAUNCH_MARK * self.is_launched(measure) + _half(record)
        return record.text if record.shows else FAULT_WORDS.get(record.status, record.status)

    def is_launched(self, measure: Measure) -> bool:
        """Whether it is a time of a GPU that is that of the host's launches."""
        if not measure.launched or self.record is None or self.entry is None:
            return False
        said = record_at(self.entry.run.records, LAUNCH_BOUND, {**self.record.axes, "pass": measure.launched})
        return said is not None and said.holds

    @property
    def fault(self) -> str:
        """Why there is no number, "" where that is no fault."""
        record = self.record
        return "" if record is None or record.status == "ok" else f"{record.status}: {record.error}"


def _half(record: Record) -> str:
    half = record.estimate.half_width if record.estimate and not record.exact else None
    return f" ±{units.percent(half)}" if half and half >= _SMALL else ""


@dataclass(frozen=True)
class Chosen:
    """A column on one machine: at which settings it was taken, and each model's value there.

    several: settings of which there are other values too, at which it was not taken.
    """

    measure: Measure
    machine: str
    settings: dict[str, Any]
    values: dict[str, Value]
    several: tuple[str, ...] = ()


@dataclass(frozen=True)
class Joined:
    """The whole table: its columns, its rows (machine, model), and what each column was taken at on each machine."""

    measures: list[Measure]
    rows: list[tuple[str, str]]
    chosen: list[Chosen]

    def value(self, machine: str, model: str, measure: Measure) -> Value:
        """What stands in a cell."""
        found = (c for c in self.chosen if c.machine == machine and c.measure == measure)
        return next((c.values[model] for c in found if model in c.values), Value(None))


def joined(entries: Sequence[Entry]) -> Joined:
    """The table of all runs; a column of each measure that some run has."""
    pools: dict[tuple[str, Measure], list[tuple[Record, Entry]]] = {}
    for entry in entries:
        for measure in _measures(entry):
            for record in _of(measure, entry.run.records):
                machine = entry.machine_of(str(record.axes.get("device", "cpu")))
                pools.setdefault((machine, measure), []).append((record, entry))
    chosen = [_chosen(measure, machine, pool) for (machine, measure), pool in pools.items()]
    order = [(measure.suite, measure.metric) for measure in MEASURES]
    measures = sorted(
        dict.fromkeys(c.measure for c in chosen), key=lambda measure: order.index((measure.suite, measure.metric))
    )
    machines = dict.fromkeys(c.machine for c in chosen)
    rows = [
        (at, model)
        for at in machines
        for model in dict.fromkeys(m for c in chosen if c.machine == at for m in c.values)
    ]
    return Joined(measures, rows, chosen)


def _measures(entry: Entry) -> Iterator[Measure]:
    """The columns that a run may have a value for; of accuracies one a task."""
    for measure in MEASURES:
        if measure.suite != entry.suite.name:
            continue
        tasks = dict.fromkeys(r.axes[TASK] for r in entry.run.records if r.metric == measure.metric and TASK in r.axes)
        for task in tasks:
            yield dataclasses.replace(measure, title=f"{measure.title}, {task}", axes=_Axes(measure.axes, task=task))
        if not tasks:
            yield dataclasses.replace(measure, axes=_Axes(measure.axes))


class _Axes(dict[str, Any]):
    """Axes that a column can be looked up by."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


def _of(measure: Measure, records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        named = record.metric == measure.metric or (measure.instead and record.metric == measure.instead)
        if named and MODEL in record.axes and measure.axes.items() <= record.axes.items():
            yield record


# Which settings


Row = tuple[Record, Entry]


def _chosen(measure: Measure, machine: str, pool: Sequence[Row]) -> Chosen:
    """At the settings that most models have a value for, of these at the longest sequences."""
    groups: dict[Group, dict[str, list[Row]]] = {}
    for record, entry in pool:
        of_model = groups.setdefault(_settings(record, entry, measure), {})
        of_model.setdefault(str(record.axes[MODEL]), []).append((record, entry))
    _spread(groups)

    def merit(key: Group) -> tuple[int, float]:
        known = sum(any(record.ok for record, _ in found) for found in groups[key].values())
        return known, float(dict(key).get("seq_len") or 0)

    taken = max(groups, key=merit)
    settings = dict(taken)
    models = dict.fromkeys(str(record.axes[MODEL]) for record, _ in pool)
    values = {model: _best_of(groups[taken].get(model, []), measure) for model in models}
    several = tuple(name for name in settings if len({dict(key).get(name) for key in groups} - {None}) > 1)
    return Chosen(measure, machine, settings, _with_best(values, measure), several)


def _settings(record: Record, entry: Entry, measure: Measure) -> Group:
    """What a value was taken at, but for what each model has of its own.

    Steps are that where all train for the same time; where they were asked for they are a setting.
    """
    own = [name for name in entry.suite.axes.compared if name != STEPS or record.axes.get(SECONDS)]
    return tuple(sorted(without(record.axes, MODEL, *own, *measure.axes)))


def _spread(groups: dict[Group, dict[str, list[Row]]]) -> None:
    """What a model of transformers or a trained one decides by itself stands with all settings that agree in all else.

    A size that its task chooses is None too, and another one where it was typed.
    """
    for key, found in list(groups.items()):
        own = {model: values for model, values in found.items() if _decides_by_itself(model)}
        fixed = {(name, value) for name, value in key if value is not None}
        names = {name for name, _ in key}
        for other, theirs in groups.items() if own else ():
            if other != key and fixed <= set(other) and {name for name, _ in other} == names:
                for model, values in own.items():
                    theirs.setdefault(model, values)


@cache
def _decides_by_itself(model: str) -> bool:
    return recorded(model).family in (CONFIGURED, TRAINED)


def _best_of(found: Sequence[Row], measure: Measure) -> Value:
    """Of one model in the latest run that has something to show: its best over what is compared, such as learning
    rates, else a word; where no run has, a fault.
    """
    shown = [item for item in found if item[0].shows]
    if not shown:
        return Value(*found[-1]) if found else Value(None)
    latest = max(reversed(shown), key=lambda item: item[1].run.started)[1]
    gone_on = _gone_on([item for item in found if item[1] is latest and item[0].metric == measure.metric])
    known = [item for item in gone_on if item[0].ok]
    if known:
        return Value(*min(known, key=lambda item: _rank(item[0])))
    words = [item for item in shown if item[1] is latest and item[0].metric != measure.metric]
    return Value(*(words or gone_on)[-1])


def _gone_on(found: Sequence[Row]) -> list[Row]:
    """Those without the learning rates that were given up after the first seed: of one seed that may well look better
    than the best one does by all of its seeds, the failed ones included.
    """
    seeds: dict[Group, int] = {}
    for record, _ in found:
        kind = without(record.axes, RATE)
        seeds[kind] = max(seeds.get(kind, 0), _seeds(record))
    return [item for item in found if _seeds(item[0]) == seeds[without(item[0].axes, RATE)]]


def _seeds(record: Record) -> int:
    return len(record.values) + (record.status != "ok")


def _rank(record: Record) -> float:
    """The lower, the better."""
    value = record.median or 0.0
    return -value if record.better == "higher" else value


# The best of a column


def _with_best(values: Mapping[str, Value], measure: Measure) -> dict[str, Value]:
    """With a mark at the best one, if it is: apart from all others, by their intervals or as both are exact."""
    every = {model: (v.record, v.entry) for model, v in values.items() if v.record is not None and v.entry is not None}
    shown = {model: row for model, row in every.items() if row[0].shows}
    if len(shown) < 2 or not all(record.ok for record, _ in shown.values()):
        return dict(values)  # nothing beside it, or a word, which is no number to compare with
    first = min(shown, key=lambda model: _rank(shown[model][0]))
    if not all(_apart(shown[first], other, measure) for model, other in shown.items() if model != first):
        return dict(values)
    return {model: dataclasses.replace(value, best=model == first) for model, value in values.items()}


def _apart(one: Row, other: Row, measure: Measure) -> bool:
    """Whether one is better than another beyond doubt: at the same settings, and of what has noise in the same run."""
    (ours, here), (theirs, there) = one, other
    if ours.better not in ("lower", "higher") or _settings(*one, measure) != _settings(*other, measure):
        return False
    if ours.exact and theirs.exact:
        return _rank(ours) < _rank(theirs)
    if here is not there or None in (ours.low, ours.high, theirs.low, theirs.high):
        return False
    if ours.better == "higher":
        return (ours.low or 0.0) > (theirs.high or 0.0)
    return (ours.high or 0.0) < (theirs.low or 0.0)
