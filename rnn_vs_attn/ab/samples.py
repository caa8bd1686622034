"""The samples of a stored run of `ab`: it may have been edited, and is read like anybody's file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.stages import CYCLES, NAME, RATIO
from rnn_vs_attn.ab.versions import SIDES
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import read_samples
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.records.types import ROUND_DROPPED, ROUND_TIME, SampleLine
from rnn_vs_attn.run.journal import same
from rnn_vs_attn.suites.case import Case, axes_of


def checked_samples(path: Path, options: AbOptions, cases: Sequence[Case]) -> list[SampleLine]:
    """The samples of a run of these options, which times these cases. UserError that names the line which is none."""
    lines, timed = read_samples(path), {same(axes_of(case)) for case in cases}
    for number, line in enumerate(lines, start=1):
        wrong = _problem(line, options, timed)
        if wrong:
            raise UserError(f"{path / 'samples.jsonl'}, line {number} is damaged: {wrong}")
    missing = _missing_pair({line.round for line in lines if line.metric == ROUND_TIME})
    if missing is not None:
        raise UserError(f"{path / 'samples.jsonl'} is damaged: pair {missing} is missing")
    return lines


def _missing_pair(whole: set[int]) -> int | None:
    """The first pair that is not there though a later one is; None where there is none such."""
    return next((index for index in range(max(whole, default=0)) if index not in whole), None)


def _problem(line: SampleLine, options: AbOptions, timed: set[Any]) -> str:
    """What cannot be in a sample of a run, "" where nothing."""
    if line.suite != NAME or not 0 <= line.round < options.screen + options.confirm:
        return f"there is no pair {line.round} of {line.suite}"
    if line.metric == ROUND_DROPPED:
        return ""
    if line.metric == ROUND_TIME:
        return _problem_of_end(line.details)
    numbers = [*line.blocks, *([line.value] if line.value is not None else [])]
    if not all(0 < number < math.inf for number in numbers):
        return f"{line.metric} is not above 0"
    own = {name: value for name, value in line.axes.items() if name not in ("side", "pass")}
    if "model" not in own:
        known = {row.metric.name for row in SUITE.metrics}
        return "" if line.metric in known and line.axes.get("side") in SIDES else "it is of no case and no side"
    if same(own) not in timed:
        return "it is of no case that this run has"
    if line.metric in (RATIO.name, CYCLES.name):
        fits = line.axes.get("pass") in options.passes and line.blocks and _is_time(line.details.get("seconds"))
        return "" if fits else f"{line.metric} has no pass, no blocks or no seconds"
    if line.metric.removesuffix("_time") not in options.passes or line.axes.get("side") not in SIDES:
        return f"{line.metric} is no time of a side"
    return _problem_of_time(line)


def _problem_of_time(line: SampleLine) -> str:
    if line.status != "ok":
        again = line.details.get("again")
        known = isinstance(again, dict) and all(
            side in SIDES and isinstance(fault, dict) and fault.keys() == {"status", "reason"}
            for side, fault in again.items()
        )
        return "" if known else "it does not say what came of it once more"
    care, loops = line.details.get("care"), line.details.get("loops")
    taken = isinstance(care, dict) and care.keys() == {field.name for field in fields(Care)}
    if not taken or not line.blocks or type(loops) is not int or loops < 1:
        return f"{line.metric} has no blocks, no loops or no care"
    return ""


def _problem_of_end(details: Mapping[str, Any]) -> str:
    noted, sitting = details.get("noted"), details.get("sitting")
    known = isinstance(noted, list) and all(
        isinstance(note, list) and len(note) == 3 and isinstance(note[2], list) for note in noted
    )
    known = known and type(sitting) is int and isinstance(details.get("peak_unknown"), str)
    return "" if known and _is_time(details.get("start_up")) else "it does not close a pair"


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf
