"""The parts of a sweep as jobs on other machines: whole rounds, each on one machine, collected as they end.

A part that trains, or takes no times, is one job: later rounds of a training need what its first one found.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UNFINISHED_CASES, WRONG_CALL, Interrupted, UserError, first_line
from rnn_vs_attn.limits import LOOKS, Limits
from rnn_vs_attn.records.states import COMPLETE, state_of
from rnn_vs_attn.sweep import job
from rnn_vs_attn.sweep.collecting import Collected
from rnn_vs_attn.sweep.file import SweepPart
from rnn_vs_attn.sweep.launcher import Launcher, cancel, why
from rnn_vs_attn.sweep.summary import Outcome
from rnn_vs_attn.text.streams import say
from rnn_vs_attn.units import counted

JOBS = ".jobs"  # the folder of what they leave
_PAUSE = 0.5  # seconds between two looks at what runs
_START = 60.0  # seconds of each job beside its round: what a run on one machine does once, a look at its cases too
_WHOLE = -1  # the number of a job that is all of its part


@dataclass
class PartJobs:
    """One part: which of its rounds wait to be sent, run and are lost, and what became of the others.

    seconds: that one job may take; collected: None where one job is all of the part.
    """

    part: SweepPart
    outcome: Outcome
    seconds: float
    collected: Collected | None = None
    waiting: list[int] = field(default_factory=list)
    running: dict[int, tuple[Any, Path]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, part: SweepPart, outcome: Outcome, seconds: float) -> PartJobs:
        """What is left of a part. seconds: of all of it. UserError where it cannot be gone on with."""
        assert outcome.folder is not None
        suite = part.asked.suite
        if not suite.timed or suite.rounds.trains is not None:
            return cls(part, outcome, seconds, waiting=[_WHOLE])
        limits = replace(part.asked.options.limits, max_seconds=seconds)
        collected = Collected.reopened(suite, outcome.folder, limits)
        made = cls(part, outcome, seconds / limits.wanted_rounds + _START, collected)
        made.ask_for(_wanted(limits, collected.rounds))
        return made

    def ask_for(self, rounds: int) -> None:
        """Send those of so many rounds that are not there."""
        assert self.collected is not None
        self.waiting += [number for number in range(rounds) if number not in self.collected.jobs]

    @property
    def is_over(self) -> bool:
        return not self.waiting and not self.running

    def ask_for_more(self) -> None:
        """The rounds up to the next look, where those that are there are not precise enough."""
        if self.collected is None or not self.is_over or self.lost or self.collected.largest is None:
            return
        if not self.collected.largest.is_enough:
            self.ask_for(_wanted(self.collected.limits, self.collected.rounds + 1))


def _wanted(limits: Limits, rounds: int) -> int:
    """How many rounds there are to be, with so many there or asked for."""
    return limits.rounds or next((look for look in LOOKS if look >= rounds), LOOKS[-1])


@dataclass
class Cluster:
    """place: the sweep's folder."""

    place: Path
    launcher: Launcher
    parts: list[PartJobs]
    quiet: bool = False

    def run(self) -> int:
        """Send and collect until nothing is left; the exit code of an interruption, 0 without one."""
        code = 0
        try:
            while not all(part.is_over for part in self.parts):
                self._send()
                if not self._take():
                    time.sleep(_PAUSE)
        except Interrupted as stop:
            code = stop.exit_code
            for each, _ in (job for part in self.parts for job in part.running.values()):
                cancel(each)
        for part in self.parts:
            self._close(part, is_over=not code and not part.lost and not part.outcome.error)
        return code

    def _send(self) -> None:
        for part in self.parts:
            while part.waiting and sum(len(each.running) for each in self.parts) < self.launcher.at_a_time:
                number = part.waiting.pop(0)
                try:
                    part.running[number] = self._sent(part, number)
                except UserError as error:
                    part.waiting.clear()
                    self._failed(part, str(error))

    def _sent(self, part: PartJobs, number: int) -> tuple[Any, Path]:
        """The job of a round, and the folder that it writes into."""
        assert part.outcome.folder is not None
        sweep, name = str(self.place.absolute()), part.part.name
        if number == _WHOLE:
            path = part.outcome.folder.absolute()
            return self.launcher.send(job.whole_part, sweep, name, str(path), part.seconds), path
        jobs = self.place.absolute() / JOBS
        path = next(path for i in range(1, 1 << 20) if not (path := jobs / f"{name}-{number:04}-{i}").exists())
        _reserve(path)  # a job that was lost may still begin
        return self.launcher.send(job.one_round, sweep, name, number, str(path), part.seconds), path

    def _take(self) -> bool:
        """Collect what has ended; whether anything has."""
        ended = [(part, number) for part in self.parts for number in part.running if self._has_ended(part, number)]
        for part, number in ended:
            sent, path = part.running.pop(number)
            try:
                self._take_one(part, number, sent, path)
            except UserError as error:
                part.lost.append(number)
                reason = f"{error} ({why(sent)})" if (path / "run.json").exists() else why(sent)
                say(f"{part.part.name}: {_named(number)} is lost: {reason}; --resume sends it again")
            part.ask_for_more()
        return bool(ended)

    def _has_ended(self, part: PartJobs, number: int) -> bool:
        return self.launcher.ended(part.running[number][0])

    def _take_one(self, part: PartJobs, number: int, sent: Any, path: Path) -> None:
        """What one job has left. UserError where that is nothing whole."""
        if part.collected is not None:
            host = part.collected.take(path, number)
            if not self.quiet:
                now = counted(part.collected.rounds, "round")
                say(f"{part.part.name}: {_named(number)} came from {host}; {now} now")
            return
        try:
            part.outcome.code = int(sent.result())
        except Exception as error:  # whatever it raised there, or that it never ended
            raise UserError(first_line(error)) from None

    def _close(self, part: PartJobs, is_over: bool) -> None:
        """Write what the rounds of a part come to, and say what became of it."""
        outcome = part.outcome
        assert outcome.folder is not None
        if part.collected is not None:
            part.collected.end(is_over)
            if not outcome.error and not (is_over and part.collected.all_ok):
                outcome.code = UNFINISHED_CASES
        outcome.state = state_of(outcome.folder)
        if outcome.state != COMPLETE:
            outcome.code = outcome.code or UNFINISHED_CASES

    def _failed(self, part: PartJobs, reason: str) -> None:
        part.outcome.error, part.outcome.code = reason, WRONG_CALL
        say(f"error: {part.part.name}: {reason}")


def _reserve(path: Path) -> None:
    """Make a folder for one job alone. UserError where the disk takes no more."""
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; make room, or write to another place") from None


def _named(number: int) -> str:
    return "its job" if number == _WHOLE else f"round {number}"


def longest(parts: Iterable[PartJobs]) -> float:
    """Seconds that the longest job takes."""
    found = [part.seconds for part in parts if math.isfinite(part.seconds)]
    return max(found, default=3600.0)
