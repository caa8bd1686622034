"""What a job on another machine does: one round of a part, or all of a part whose rounds need each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.states import NOT_BEGUN, state_of
from rnn_vs_attn.run import command
from rnn_vs_attn.run.options import Part
from rnn_vs_attn.sweep import file, folder


def one_round(sweep: str, part: str, number: int, place: str, seconds: float) -> int:
    """Measure one round of a part into a folder of its own; the exit code. number: of the round, its seed too.

    UserError where this machine cannot.
    """
    asked = _part(Path(sweep), part).asked
    options = replace(asked.options, rounds=1, max_seconds=seconds, output=Path(place), quiet=True, as_json=True)
    return asked.start(options, Part(first_seed=number, take_document=lambda document: None))


def whole_part(sweep: str, part: str, place: str, seconds: float) -> int:
    """Measure all of a part, or go on with it under its own settings; the exit code."""
    asked = _part(Path(sweep), part).asked
    options = replace(asked.options, quiet=True, as_json=True)
    alone = Part(take_document=lambda document: None)
    if state_of(Path(place)) == NOT_BEGUN:
        return asked.start(replace(options, output=Path(place), max_seconds=seconds), alone)
    return command.resume(asked.suite, replace(options, resume=Path(place)), alone)


def _part(sweep: Path, name: str) -> file.SweepPart:
    found = next((part for part in folder.reopened(sweep, None).parts if part.name == name), None)
    if found is None:
        raise UserError(f"{sweep} has no part {name!r}")
    return found
