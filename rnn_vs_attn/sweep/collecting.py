"""The rounds of a part out of the folders that jobs left: one run for each kind of machine that measured some.

Times of unlike machines have no common median, so their rounds never stand in one run; ratios are formed within a round
and so within a machine. Rounds of a run are numbered as they came, and the line that closes one says which job it was,
and on which host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.head import finished
from rnn_vs_attn.records.states import TABLE
from rnn_vs_attn.records.types import ROUND_TIME, AxisValue, Key, Run, SampleLine
from rnn_vs_attn.run import output, resuming
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.resuming import Stored
from rnn_vs_attn.run.runner import enough
from rnn_vs_attn.suites.suite import Suite

JOB, HOST = "job", "host"  # in the details of the line that closes a round
_GROWTH = 1.5  # of a run, before its records are made anew


@dataclass
class MachineRun:
    """The run of one kind of machine. limits: those of the part."""

    suite: Suite
    head: Run
    limits: Limits
    journal: Journal
    _shown: int = 0
    _axes: dict[Key, dict[str, AxisValue]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.journal.folder.path

    @property
    def jobs(self) -> set[int]:
        """The numbers of the jobs whose rounds it has."""
        closing = (line for line in self.journal.lines if line.metric == ROUND_TIME)
        return {int(line.details.get(JOB, line.round)) for line in closing}

    @property
    def is_enough(self) -> bool:
        return enough(self.journal, self.limits)

    def add(self, stored: Stored, number: int) -> None:
        """The round of a job."""
        self._forget_torn()
        host = str(stored.head.environment.get("host", ""))
        for line in stored.lines:
            if line.metric == ROUND_TIME:
                line = replace(line, details={**line.details, JOB: number, HOST: host})
            self._append(replace(line, round=self.journal.rounds))
        self.journal.rounds += 1
        if self.journal.rounds >= self._shown * _GROWTH:
            self._shown = self.journal.rounds
            self.journal.write_records()

    def _forget_torn(self) -> None:
        """Forget what was written of a round before a full disk, or a kill, came in between."""
        journal = self.journal
        while journal.lines and journal.lines[-1].round >= journal.rounds:
            journal.lines.pop()
            journal.repeats = True
        journal.begin()
        journal.repeats = False

    def _append(self, line: SampleLine) -> None:
        """Write a line, and keep as little of it as records need: there may be a thousand rounds."""
        self.journal.folder.append(line)
        axes = self._axes.setdefault(line.key, line.axes)
        self.journal.lines.append(replace(line, axes=axes, blocks=[]))

    def end(self, is_over: bool) -> None:
        """Write what all rounds come to. is_over: whether no more are wanted."""
        if is_over:
            self.head = finished(self.head)
        run = replace(self.head, records=self.journal.records())
        self.journal.write_records()
        (self.path / TABLE).unlink(missing_ok=True)  # of fewer rounds
        self.journal.folder.write_run(run)
        output.write(self.suite, run, self.journal.folder, self.limits)
        self.journal.folder.close()


@dataclass
class Collected:
    """What the jobs of one part have left so far. place: of its first run; others beside it, with + and a number."""

    suite: Suite
    place: Path
    limits: Limits
    machines: dict[str, MachineRun] = field(default_factory=dict)  # by fingerprint

    @classmethod
    def reopened(cls, suite: Suite, place: Path, limits: Limits) -> Collected:
        """With the runs that are there. UserError where one cannot be gone on with."""
        found = cls(suite, place, limits)
        for path in [place, *sorted(place.parent.glob(f"{place.name}+*"))]:
            if (path / "run.json").exists():
                stored = resuming.read(suite, path)
                folder = RunFolder.reopen(path, environment.is_anonymous(stored.head.environment))
                journal = Journal(suite, stored.cases, folder, stored.lines)
                key = environment.fingerprint(stored.head.environment)
                found.machines[key] = MachineRun(suite, stored.head, limits, journal, journal.rounds)
        return found

    @property
    def jobs(self) -> set[int]:
        return {number for machine in self.machines.values() for number in machine.jobs}

    @property
    def rounds(self) -> int:
        return sum(machine.journal.rounds for machine in self.machines.values())

    @property
    def largest(self) -> MachineRun | None:
        """The run of the kind of machine that has measured most."""
        return max(self.machines.values(), key=lambda machine: machine.journal.rounds, default=None)

    def take(self, path: Path, number: int) -> str:
        """Collect the round that a job left in a folder; the host that it is from.

        UserError where it is not whole, or another part's.
        """
        stored = resuming.read(self.suite, path)
        if not any(line.metric == ROUND_TIME for line in stored.lines):
            raise UserError(f"{path} holds no whole round")
        key = environment.fingerprint(stored.head.environment)
        if key not in self.machines:
            self.machines[key] = self._begun(stored)
        self.machines[key].add(stored, number)
        return str(stored.head.environment.get("host") or "a machine without a name")

    @property
    def all_ok(self) -> bool:
        """Whether there is a run, and every record has its number."""
        records = [record for machine in self.machines.values() for record in machine.journal.records()]
        return bool(records) and all(record.status == "ok" for record in records)

    def _begun(self, stored: Stored) -> MachineRun:
        """An empty run like the one of a job, without its being one round of many."""
        beside = self.place.with_name(f"{self.place.name}+{len(self.machines) + 1}")
        anonymous = environment.is_anonymous(stored.head.environment)
        folder = RunFolder.create(beside if self.machines else self.place, anonymous)
        settings = _with_limits(stored.head.settings, self.limits)
        head = replace(stored.head, settings=settings, status="interrupted", finished=None)
        folder.write_run(head)
        return MachineRun(self.suite, head, self.limits, Journal(self.suite, stored.cases, folder, []))

    def end(self, is_over: bool) -> None:
        for machine in self.machines.values():
            machine.end(is_over)


def _with_limits(settings: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    return {**settings, "limits": asdict(limits)}
