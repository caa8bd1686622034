"""What no run that this program wrote can hold: a stored one may have been edited, and is read like anybody's file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.axes import ADDED, Names, lacking, problem_of_kind
from rnn_vs_attn.records.folder import read_head, read_run
from rnn_vs_attn.records.types import Axes, Record, Run

BETTER, SCALES, ENDINGS = ("lower", "higher", "none"), ("ratio", "difference"), ("complete", "interrupted")
_RANGES = {  # of a unit the least that is measured, the most, and whether 0 is
    "s": (1e-12, 1e9, False),
    "B": (1e-3, 1e18, True),
    "1/s": (1e-12, 1e18, True),
    "B/s": (1e-12, 1e24, True),
    "FLOP/s": (1e-12, 1e27, True),
}
_LARGEST = 1e100  # of any other unit; a ratio of two such numbers is still one
_INTEGERS = 1 << 63
_FACTS = (  # of a run's environment, what is read and not only shown
    ((str,), "text", ("git_commit", "git_commit_time", "python", "system")),
    ((int, float), "number", ("load", "cpu_quota", "memory_gib")),
    ((int,), "whole number", ("usable_cores", "affinity_cores", "logical_cores", "swap_used")),
)
_STARTED = "started"  # the column of an export that says of which run a line is


def checked_run(path: Path) -> Run:
    """The run in folder `path`, whose numbers can be numbers. UserError that names the file and line otherwise."""
    run = _checked(read_run(path), path)
    for number, problem in chain(lacking(run.records, run.settings.get("axes")), problems(run.records)):
        raise UserError(f"{path / 'records.jsonl'}, line {number} {problem}")
    return run


def checked_head(path: Path) -> Run:
    """The same without its records."""
    return _checked(read_head(path), path)


def _checked(head: Run, path: Path) -> Run:
    wrong = problem_of_run(head)
    if wrong:
        raise UserError(f"{path / 'run.json'} is damaged: {wrong}")
    return head


def problem_of_run(run: Run) -> str:
    """What cannot be in a run's head, "" where nothing."""
    facts = run.environment
    gpus = facts.get("gpus") or []
    if run.status not in ENDINGS:
        return f"its status is {run.status!r}, not {' or '.join(ENDINGS)}"
    if not isinstance(gpus, list) or not all(isinstance(gpu, dict) for gpu in gpus):
        return "environment.gpus is no list of devices"
    for kinds, word, names in _FACTS:
        for name in names:
            value = facts.get(name)
            if value is not None and (type(value) not in kinds or (word != "text" and not 0 <= value < _INTEGERS)):
                return f"environment.{name} is no {word}"
    return ""


def problem_of(record: Record) -> str:
    """What cannot be in a record, "" where nothing."""
    for name, value, allowed in (("better", record.better, BETTER), ("scale", record.scale, SCALES)):
        if value not in allowed:
            return f"{name} is {value!r}, none of {', '.join(allowed)}"
    judged = record.better != "none" or record.unit in _RANGES  # else it may be any number: nothing is made of it
    numbers = [n for n in (*record.values, record.median, record.low, record.high) if judged and n is not None]
    return (
        problem_of_axes(record.axes)
        or next((wrong for n in numbers if (wrong := problem_of_value(record.metric, record.unit, n))), "")
        or _problem_of_interval(record)
    )


def problem_of_axes(axes: Axes) -> str:
    """What cannot be a field of a case, "" where nothing."""
    for name, value in axes.items():
        if not name.isidentifier() or name == _STARTED:
            return f"{name!r} is no name of an axis"
        if isinstance(value, int | float) and not abs(value) < _INTEGERS:
            return f"the axis {name!r} is too large a number"
    return problem_of_kind(axes)


def problem_of_value(metric: str, unit: str, value: float) -> str:
    """Why a value of a metric is none, "" where it may be one."""
    least, most, zero = _RANGES.get(unit, (-_LARGEST, _LARGEST, True))
    if least <= value <= most or (zero and value == 0):
        return ""
    return f"{metric} is {value:g} {unit}".rstrip() + ", which cannot be"


def _problem_of_interval(record: Record) -> str:
    if record.low is not None and record.high is not None and record.low > record.high:
        return f"the interval of {record.metric} runs backwards, from {record.low:g} to {record.high:g}"
    if record.unit not in ("s", "B") or not record.ok or not record.values:
        return ""
    assert record.median is not None
    if not math.isclose(median(record.values), record.median, rel_tol=1e-9):
        return f"the median of {record.metric} is {record.median:g} and its samples' is {median(record.values):g}"
    inside = (record.low is None or record.low <= record.median) and (
        record.high is None or record.median <= record.high
    )
    return "" if inside else f"the median of {record.metric} is not inside its interval"


def problems(records: Sequence[Record]) -> Iterable[tuple[int, str]]:
    """The numbers of lines, from 1, that cannot be, each with what is wrong."""
    names = Names(records, ADDED)
    seen: dict[Any, int] = {}
    for number, record in enumerate(records, start=1):
        if record.key in seen:
            yield number, f"repeats line {seen[record.key]}: {record.metric} of the same case"
        seen[record.key] = number
        problem = problem_of(record) or names.problem_of(record)
        if problem:
            yield number, f"is damaged: {problem}"
