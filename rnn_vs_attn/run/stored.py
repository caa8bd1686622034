"""Stored runs, shown again as they were when they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report import tables
from rnn_vs_attn.run import output
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text.safe import one_line
from rnn_vs_attn.text.streams import print_json, say

AB = "ab"  # what a run of `ab` says that it is of; it has verdicts in place of a suite's table


def runs_of(paths: Sequence[Path]) -> dict[Path, Run]:
    """Runs by their folders: those named, and those in folders that hold some, each once.

    UserError where one that is named cannot be read, and where none is left; what cannot be read, or is of ab, in a
    folder of runs is left out, and said.
    """
    found: dict[Path, Run] = {}
    known = set[Path]()
    for path in paths:
        for folder in _folders(path):
            if folder.resolve() in known:
                continue
            try:
                found[folder] = _run_of(folder)
                known.add(folder.resolve())
            except UserError as error:
                if folder == path:
                    raise
                say(f"note: left out: {error}")
    if not found:
        raise UserError(f"{paths[0]} holds no run that can be shown; give run folders, or a folder that holds them")
    return found


def _run_of(folder: Path) -> Run:
    run = checked_run(folder)
    if run.suite == AB:
        raise UserError(f"{folder} is a run of ab; its {folder / 'table.md'} has what it found")
    return run


def _folders(path: Path) -> list[Path]:
    """The run that a folder is, or those in it, or those one folder further down; of some of both the rest is said."""
    try:
        own = _runs_at(path, 0)
        near, far = ([], []) if own else (_runs_at(path, 1), _runs_at(path, 2))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; give run folders, or a folder that holds them") from None
    found = own or near or far
    if not found:
        raise UserError(f"{path} holds no run; give run folders, or a folder that holds them")
    known = {folder.resolve() for folder in near}  # also by way of a link
    further = [folder for folder in far if near and folder.parent not in near and folder.resolve() not in known]
    others = sorted({folder.parent for folder in further})
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        say(f"note: left out: the runs further down, in {others[0]}{more}; name that too")
    return found


def _runs_at(path: Path, depth: int) -> list[Path]:
    """Runs so many folders below one. A folder of them that begins with a dot is left to what made it."""
    files = sorted(path.glob("/".join([*["*"] * depth, "run.json"])))
    return [
        file.parent for file in files if not any(name.startswith(".") for name in file.relative_to(path).parts[:-2])
    ]


def suite_of(run: Run, path: Path | str) -> Suite:
    """The suite that a run is of. UserError for one that this version does not have."""
    found = next((suite for suite in SUITES if suite.name == run.suite), None)
    if run.suite == AB:
        raise UserError("a run of ab has verdicts and no table; its table.md has what it found")
    if found is None:
        raise UserError(f"{path} is a run of {run.suite!r}, which this version does not have")
    return found


def show(runs: Mapping[Path, Run], columns: Sequence[str], as_json: bool) -> None:
    """What each run found, its table and chart; or one JSON document."""
    suites = {path: suite_of(run, path) for path, run in runs.items()}
    for suite in suites.values():
        tables.chosen(suite.view.columns, columns)
    documents = [output.document(suites[path], run, path) for path, run in runs.items()] if as_json else []
    if as_json:
        print_json(documents[0] if len(documents) == 1 else {"runs": documents})
        return
    for number, (path, run) in enumerate(runs.items()):
        print(f"{chr(10) if number else ''}{suites[path].command}: {one_line(str(path))}{_state(run)}\n", flush=True)
        output.show(suites[path], run, limits_of(run), columns)


def _state(run: Run) -> str:
    return "" if run.status == "complete" else ", not whole: it was interrupted"


def limits_of(run: Run) -> Limits:
    """Those that say which intervals are wide."""
    asked: Any = run.settings.get("limits", {})
    precision = asked.get("precision") if isinstance(asked, Mapping) else None
    return Limits(precision=float(precision)) if isinstance(precision, int | float) else Limits()
