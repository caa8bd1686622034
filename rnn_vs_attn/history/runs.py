"""Run folders to runs in the order of time, and a sentence for each one that was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rnn_vs_attn.compare import machines
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.types import Run

DATE, COMMIT = ORDERS = ("date", "commit")
AB = "ab"  # the suite that runs of `ab` name
_SHORT = 7  # letters of a commit
_NAMED = 3  # folders at most, before "and 2 more"
_OF_AB = "holds two versions measured against each other in one sitting, not one over time"


@dataclass(frozen=True)
class Entry:
    """One run. moment: where it stands, when it began or when its commit was made; machine: of the ones there are."""

    name: str
    run: Run
    moment: datetime
    machine: int

    @property
    def commit(self) -> str:
        """Short, + behind it where files were changed; "" where none is known."""
        known = str(self.run.environment.get("git_commit") or "")
        return known[:_SHORT] + "+" * (len(known) > _SHORT and known.endswith("+"))


@dataclass(frozen=True)
class History:
    """Runs of one suite in their order; notes: what was left out, and where the machine changed.

    breaks: at which entries another machine begins, with what differs.
    """

    entries: list[Entry]
    by: str
    notes: list[str] = field(default_factory=list)
    breaks: dict[int, str] = field(default_factory=dict)

    @property
    def suite(self) -> str:
        return self.entries[0].run.suite

    def when(self, entry: Entry) -> str:
        """The day of a run or of its commit; with the time where all are of few days."""
        moments = [e.moment for e in self.entries]
        close = max(moments) - min(moments) < timedelta(days=3)
        return f"{entry.moment:%Y-%m-%d %H:%M}" if close else f"{entry.moment:%Y-%m-%d}"

    def since(self, entry: Entry) -> str:
        """`2026-11-03 (commit abc1234)`."""
        return f"{self.when(entry)} (commit {entry.commit})" if entry.commit else self.when(entry)


def read(paths: Sequence[Path], by: str) -> History:
    """The runs of folders. UserError where one that is named cannot be read, and where none is left."""
    found, notes = _found(paths, by)
    _check_suites(found)
    whole = {name: run for name, run in found.items() if run.status == "complete"}
    notes += _left_out([name for name in found if name not in whole], "interrupted and not whole")
    if by == COMMIT:
        known = {name: run for name, run in whole.items() if run.environment.get("git_commit")}
        notes += _left_out([name for name in whole if name not in known], "of no known commit")
        whole = known
    if not whole:
        said = f"no run is left to draw: {'; '.join(notes)}" if notes else "no run was found"
        raise UserError(f"{said}; give run folders, or a folder that holds them")
    return _in_order(whole, by, notes)


# Folders


def _found(paths: Sequence[Path], by: str) -> tuple[dict[str, Run], list[str]]:
    """Runs by their folders, each once, and what is said of others."""
    runs: dict[str, Run] = {}
    notes: list[str] = []
    for path in paths:
        if _is_run(path):
            run = checked_run(path)
            if run.suite == AB:
                raise UserError(f"{path} is a run of ab, which {_OF_AB}; give runs of bench or of another suite")
            runs[str(path)] = run
        else:
            within, skipped = _within(path, by)
            runs |= within
            notes += skipped
    unique = {Path(name).resolve(): name for name in reversed(runs)}
    return {name: run for name, run in runs.items() if name in unique.values()}, notes


def _is_run(path: Path) -> bool:
    try:
        return (path / "run.json").exists()
    except OSError:  # a name that no folder can have, or one that may not be looked into
        return False


def _within(folder: Path, by: str) -> tuple[dict[str, Run], list[str]]:
    """The runs in a folder of them, and a sentence on what else is there."""
    try:
        files = sorted(folder.glob("*/run.json")) if folder.is_dir() else None
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}; give run folders, or a folder of them") from None
    if files is None:
        raise UserError(f"{folder} is no folder; give run folders, or a folder that holds them")
    runs, of_ab, damaged = dict[str, Run](), list[str](), list[str]()
    for file in files:
        try:
            run = checked_run(file.parent)
            _moment(str(file.parent), run, by)
        except UserError as error:
            damaged.append(str(error))
            continue
        if run.suite == AB:
            of_ab.append(file.parent.name)
        else:
            runs[str(file.parent)] = run
    if not runs and not of_ab and not damaged:
        raise UserError(f"{folder} holds no run; give run folders, or a folder that holds them")
    notes = [f"left out: {error}" for error in damaged[:_NAMED]]
    if len(damaged) > _NAMED:
        notes.append(f"left out: {len(damaged) - _NAMED} more in {folder} that cannot be read")
    return runs, [*notes, *_left_out(of_ab, f"of ab, each of which {_OF_AB}")]


def _left_out(names: Sequence[str], why: str) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"left out, {why}: {', '.join(names[:_NAMED])}{more}"]


def _check_suites(runs: dict[str, Run]) -> None:
    first: dict[str, str] = {}
    for name, run in runs.items():
        first.setdefault(run.suite, name)
    if len(first) > 1:
        (one, here), (other, there) = list(first.items())[:2]
        name = Path(here).name  # of a run of its own, or of a part of a lesson or a sweep
        such = f"*/{name}" if one.endswith(name) else f"*-{one}"
        raise UserError(f"{here} is a run of {one!r} and {there} of {other!r}; give runs of one suite, such as {such}")


# Order


def _in_order(runs: dict[str, Run], by: str, notes: list[str]) -> History:
    moments = {name: _moment(name, run, by) for name, run in runs.items()}
    names = sorted(runs, key=lambda name: (moments[name], str(runs[name].started), name))
    kinds: dict[str, Run] = {}
    entries, breaks = list[Entry](), dict[int, str]()
    for name in names:
        run = runs[name]
        key = environment.digest(machines.facts_of(run))
        if key not in kinds:
            if kinds:
                breaks[len(entries)] = _differing(list(kinds.values())[-1], run)
            kinds[key] = run
        entries.append(Entry(name, run, moments[name], list(kinds).index(key)))
    history = History(entries, by, notes, breaks)
    for at, differing in breaks.items():
        told = f"another machine or software from {history.since(entries[at])} on: {differing}"
        notes.append(f"{told}; it has lines of its own, and no change is looked for across it")
    return history


def _moment(name: str, run: Run, by: str) -> datetime:
    """When a run began, or when its commit was made where the order is that of commits and this is known."""
    made = run.environment.get("git_commit_time") if by == COMMIT else None
    try:
        moment = datetime.fromisoformat(str(made or run.started))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        what = "environment.git_commit_time" if made else "started"
        text = f"{made or run.started!r}"
        raise UserError(f"{Path(name) / 'run.json'} is damaged: {what} is {text}, which is no date") from None


def _differing(before: Run, after: Run) -> str:
    found = machines.unlike(before, after)
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(found[:_NAMED]) + more
