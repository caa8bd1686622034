"""An interrupted run taken up again: its settings as they were asked for, and the samples that it has."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.limits import Budget, Limits
from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.axes import Names
from rnn_vs_attn.records.checks import checked_head, checked_run, problem_of_axes, problem_of_value
from rnn_vs_attn.records.folder import has_other_names, read_samples
from rnn_vs_attn.records.types import CASE_RETRIED, LAUNCH_BOUND, ROUND_DROPPED, ROUND_TIME, Run, SampleLine
from rnn_vs_attn.run import cases, given
from rnn_vs_attn.run.cases import AxisValues, option_name
from rnn_vs_attn.run.given import NOTHING, Given
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.case import Case, axes_of, decided_by
from rnn_vs_attn.suites.metrics import MACHINE_PEAKS
from rnn_vs_attn.suites.suite import Suite

MOST_ROUNDS = 100_000

PLAIN = "plain"  # the setting that says that no models were typed
STEPS_OF = "steps_of"  # the one that says how many steps each case has, where they differ


@dataclasses.dataclass(frozen=True)
class Stored:
    """What `--resume` goes on with. over: whether it cannot go on, as its metrics have other names by now; `head` has
    its records then, and there are no lines.
    """

    head: Run
    axes: AxisValues
    cases: list[Case]
    limits: Limits
    lines: list[SampleLine]
    over: bool = False
    given: Given = NOTHING


def read(suite: Suite, path: Path, retry: bool = False) -> Stored:
    """The run of a suite in folder `path`. UserError where it is another suite's, damaged, or of other inputs, or where
    it is to go on with other metrics. retry: whether it goes on with what failed.
    """
    head = head_of(suite.name, path)
    try:
        axes, plain = read_axes(suite, head.settings["axes"]), head.settings.get(PLAIN, False) is True
        made, limits = cases.cases_of(suite, axes, plain), _limits(head.settings["limits"])
        made = _with_steps(suite, made, head.settings)
        found = _given(suite, head.settings) if head.status != "complete" or retry else NOTHING
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path / 'run.json'} is damaged: its settings do not fit ({first_line(error)})") from None
    _check_inputs(suite, head, path, "start a run of its own")
    over = has_other_names(path)
    head, lines = (_finished(path, retry), []) if over else (head, _lines(suite, path, made))
    settings = settings_of(suite, axes, limits, plain, made) | given.of_settings(head.settings)
    return Stored(dataclasses.replace(head, settings=settings), axes, made, limits, lines, over, found)


def settings_of(suite: Suite, axes: AxisValues, limits: Limits, plain: bool, made: Sequence[Case]) -> dict[str, Any]:
    """What a run keeps of how it was asked for, and of the cases that were made of it. plain: as for `start`."""
    settings = {"axes": axes, "limits": dataclasses.asdict(limits), "inputs": suite.analysis.inputs}
    settings |= {PLAIN: True} if plain else {}
    if _in_equal_time(suite):
        settings[STEPS_OF] = [axes_of(case)["steps"] for case in made]
    return settings


def _in_equal_time(suite: Suite) -> bool:
    return suite.rounds.trains is not None and suite.rounds.trains.equal_time


def _given(suite: Suite, settings: Mapping[str, Any]) -> Given:
    """What the run was given. UserError where that is not what it was; KeyError, TypeError or ValueError for damage."""
    found = given.again(settings)
    if suite.axes.of_text and found.text is None:
        raise ValueError("text is not there")
    return found


def _with_steps(suite: Suite, made: list[Case], settings: Mapping[str, Any]) -> list[Case]:
    """The cases with the number of steps that each of them was given by a look at its speed.

    ValueError where these are not there, or no such numbers.
    """
    if not _in_equal_time(suite):
        return made
    steps = settings.get(STEPS_OF)
    if not isinstance(steps, list) or len(steps) != len(made) or not all(_is_number_of_steps(n) for n in steps):
        raise ValueError(f"{STEPS_OF} is no number of steps for each of {len(made)} cases")
    return [dataclasses.replace(case, steps=n) for case, n in zip(made, steps, strict=True)]  # type: ignore[call-arg]


def _is_number_of_steps(value: Any) -> bool:
    return type(value) is int and 1 <= value < 1 << 63


def _finished(path: Path, retry: bool) -> Run:
    """A run whose metrics have other names by now, with its records. UserError where it is not to be left as it is."""
    run = checked_run(path)
    if run.status != "complete" or (retry and any(record.status != "ok" for record in run.records)):
        raise UserError(f"{path} was begun by a version that measures by other definitions; start a run of its own")
    return run


def head_of(name: str, path: Path) -> Run:
    """The head of a run. UserError where it is another suite's than the one of that name."""
    head = checked_head(path)
    if head.suite != name:
        command = next((other.command for other in SUITES if other.name == head.suite), head.suite)
        raise UserError(
            f"{path} holds a run of {head.suite!r}, not of {name!r}; use rnn-vs-attn {command} --resume {path}"
        )
    return head


def check_is_of_here(suite: Suite, path: Path, whole: str) -> None:
    """UserError where a run was begun elsewhere, or with other software, than what is measured from now on.

    whole: what it is a part of.
    """
    head, way = checked_head(path), f"start a {whole} of its own"
    if not environment.is_here(head.environment):
        raise UserError(f"{path} was begun on another machine or with other software; {way} here")
    _check_inputs(suite, head, path, way)


def _check_inputs(suite: Suite, head: Run, path: Path, way: str) -> None:
    if head.settings.get("inputs", 1) != suite.analysis.inputs:
        raise UserError(f"{path} was begun by a version that makes other weights or inputs; {way}")


def read_axes(suite: Suite, stored: Mapping[str, Any]) -> AxisValues:
    """Lists of values of the fields of the suite's case. ValueError where there is another one."""
    known = {field.name: field for field in dataclasses.fields(suite.axes.case)}
    for name, values in stored.items():
        if name not in known or not isinstance(values, list) or not values:
            raise ValueError(f"axes.{name} is no list of values of an option of {suite.name}")
        for value in values:
            if not _fits(known[name], value):
                raise ValueError(f"{value!r} is no value of {option_name(name)}")
    absent = next((field.name for field in dataclasses.fields(Case) if field.name not in stored), None)
    if absent is not None:
        raise ValueError(f"axes.{absent} is not there")
    axes = dict(stored)
    cases.check_heads(axes)
    return axes


def _fits(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a value is one that the option takes. UserError where the option's own reading refuses it."""
    if field.default is None:
        return value is None or (type(value) is int and 1 <= value < 1 << 63)
    kind: Any = type(field.default)
    choices, least = field.metadata.get("choices"), field.metadata.get("minimum")
    if kind is float:
        return type(value) in (int, float) and 0 < value < math.inf
    if type(value) is not kind or (choices and value not in choices):
        return False
    if kind is str and field.metadata.get("parse"):
        field.metadata["parse"](value)
    return least is None or least <= value < 1 << 63


def _is_of(field: dataclasses.Field[Any], value: Any, decided: Sequence[str]) -> bool:
    """Whether a value is one of a case. decided: axes that its model decides by itself, which have none."""
    return value is None if field.name in decided and not field.metadata.get("fixed") else _fits(field, value)


def _limits(stored: Mapping[str, Any]) -> Limits:
    """The limits of a run. ValueError or TypeError where one is none."""
    from pydantic import TypeAdapter

    made = Limits(**{**stored, "budget": Budget(**stored["budget"])})
    limits: Limits = TypeAdapter(Limits).validate_json(json.dumps(dataclasses.asdict(made)))
    numbers = [*vars(limits).values(), *vars(limits.budget).values()]
    for value in numbers:
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise ValueError(f"limits hold {value}")
    if limits.rounds == 0 or limits.timeout == 0 or limits.budget.block == 0:
        raise ValueError("limits hold a 0 that leaves nothing to measure")
    return limits


# Samples


def _lines(suite: Suite, path: Path, cases: Sequence[Case]) -> list[SampleLine]:
    """The samples of a run. UserError that names the line which is none of this run's."""
    lines, models = read_samples(path), {case.model for case in cases}
    names = Names(lines)
    for number, line in enumerate(lines, start=1):
        wrong = _problem(suite, line, models)
        if not wrong and line.status == "ok":  # a fault is of a whole case: it has no axis that a measurement adds
            wrong = names.problem_of(line)
        if wrong:
            raise UserError(f"{path / 'samples.jsonl'}, line {number} is damaged: {wrong}")
    return lines


def _problem(suite: Suite, line: SampleLine, models: set[str]) -> str:
    """What cannot be in a sample of a suite, "" where nothing."""
    if not 0 <= line.round < MOST_ROUNDS:
        return f"there is no round {line.round}"
    if line.metric == ROUND_DROPPED:
        return ""
    metric = next((row.metric for row in suite.metrics if row.metric.name == line.metric), None)
    if metric is None and line.metric not in (ROUND_TIME, CASE_RETRIED):
        return f"{suite.name} has no metric {line.metric!r}"
    unit = metric.unit if metric else "s"
    of_block = unit if line.metric == LAUNCH_BOUND else "s"
    numbers = [(unit, line.value), *((of_block, value) for value in line.blocks)]
    wrong = next((w for u, v in numbers if v is not None and (w := problem_of_value(line.metric, u, v))), "")
    return wrong or problem_of_axes(line.axes) or _problem_of_case(suite, line, models)


def _problem_of_case(suite: Suite, line: SampleLine, models: set[str]) -> str:
    """What cannot be in a sample of a case; those of the machine have no model."""
    if "model" not in line.axes:
        needed = set() if line.metric == ROUND_TIME else set(suite.axes.machine)
        of_machine = line.metric == ROUND_TIME or line.metric in {metric.name for metric in MACHINE_PEAKS}
        return "" if of_machine and line.axes.keys() >= needed else "it is of no case, and does not measure the machine"
    fields = dataclasses.fields(suite.axes.case)
    own = decided_by(str(line.axes["model"])) if line.axes["model"] in models else ()
    wrong = next((f.name for f in fields if f.name not in line.axes or not _is_of(f, line.axes[f.name], own)), "")
    if wrong or line.axes["model"] not in models:
        return f"its {wrong or 'model'} is none that this run has"
    timed = line.status == "ok" and line.metric in {f"{name}_time" for name in suite.rounds.passes}
    loops = line.details.get("loops")
    if timed and (not line.blocks or not isinstance(loops, int) or loops < 1):
        return f"{line.metric} has no blocks"
    return ""
