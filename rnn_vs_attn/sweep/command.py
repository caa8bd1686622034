"""`run FILE`: the parts of a sweep after each other, each a run of its own; what one of them costs, the others keep."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnn_vs_attn.errors import (
    DONE,
    INTERRUPTED,
    TERMINATED,
    UNFINISHED_CASES,
    WRONG_CALL,
    Interrupted,
    UserError,
    first_line,
    path_refused,
)
from rnn_vs_attn.pages.beside import page_beside
from rnn_vs_attn.records.states import COMPLETE, NOT_BEGUN, UNFINISHED, has_faults, state_of
from rnn_vs_attn.run import command
from rnn_vs_attn.run.group import SharedTime
from rnn_vs_attn.run.options import Part, RunOptions, TrainingOptions
from rnn_vs_attn.run.resuming import check_is_of_here
from rnn_vs_attn.sweep import file, folder, summary
from rnn_vs_attn.sweep.cluster import JOBS, Cluster, PartJobs, longest
from rnn_vs_attn.sweep.file import Sweep, SweepPart
from rnn_vs_attn.sweep.launcher import Launcher
from rnn_vs_attn.sweep.options import SweepOptions
from rnn_vs_attn.sweep.summary import Outcome
from rnn_vs_attn.text.streams import print_json, say
from rnn_vs_attn.units import counted

_FIRST_OF = (WRONG_CALL, 5, 1, 3, UNFINISHED_CASES, DONE)  # of the exit codes of several parts
_STOPPED = (INTERRUPTED, TERMINATED)
_OF_A_TRAINING: float = TrainingOptions.max_seconds  # where one takes what its steps take
_LEAST = 1.0  # of the seconds by which parts share: one may be given 0


def start(path: Path, options: SweepOptions) -> int:
    """Measure all parts of a sweep's file, or list them; the exit code."""
    sweep = file.read(path, elsewhere=options.launcher is not None)
    sweep = sweep.anonymous() if options.anonymous else sweep
    place = None if options.dry_run else folder.create(sweep, options.output, options.anonymous)
    if place is not None and not options.quiet:
        say(f"{sweep.name}: {counted(len(sweep.parts), 'part')} into {place}")
    return _Parts(sweep, options, place).run()


def resume(path: Path, options: SweepOptions) -> int:
    """Go on with the sweep in a folder: with the parts that are unfinished or not begun; the exit code."""
    return _Parts(folder.reopened(path, options.file, options.launcher is not None), options, path).run()


@dataclass
class _Parts:
    """place: the sweep's folder, None where nothing is measured."""

    sweep: Sweep
    options: SweepOptions
    place: Path | None

    def run(self) -> int:
        """Each part until one is interrupted; the exit code of them all."""
        outcomes = [self._outcome(part) for part in self.sweep.parts]
        waiting = [i for i, each in enumerate(outcomes) if not each.error and self._is_left(each)]
        if waiting and self.options.launcher is None:
            self._check_machine(outcomes)
        try:
            stopped = (self._on_cluster if self.options.launcher else self._here)(outcomes, waiting)
        except Interrupted as stop:  # between two of them
            stopped = stop.exit_code
            for each in outcomes:
                self._look_at(each)
        outcomes += self._of_other_machines(outcomes)
        self._tell(outcomes)
        return stopped or _code_of(outcomes)

    def _check_machine(self, outcomes: Sequence[Outcome]) -> None:
        """UserError where a part was begun elsewhere: what a sweep found on one machine stands side by side."""
        for part, each in zip(self.sweep.parts, outcomes, strict=True):
            if each.folder is not None and each.state != NOT_BEGUN and not each.error:
                check_is_of_here(part.asked.suite, each.folder, "sweep")

    def _here(self, outcomes: list[Outcome], waiting: list[int]) -> int:
        """Measure those of the parts that wait, on this machine; the exit code of an interruption, 0 without one."""
        time = SharedTime(self._max_seconds)
        for done, i in enumerate(waiting):
            if time.is_over and done:
                outcomes[i].code = UNFINISHED_CASES
                continue
            part = self.sweep.parts[i]
            seconds, what = self._share(time, [self.sweep.parts[j] for j in waiting[done:]], done > 0)
            self._go(part, outcomes[i], seconds, what)
            if self.options.dry_run:
                time.spend(outcomes[i].estimate[-1] if outcomes[i].estimate else 0.0)
            if outcomes[i].code in _STOPPED:
                return outcomes[i].code
        return DONE

    def _on_cluster(self, outcomes: list[Outcome], waiting: list[int]) -> int:
        """The same as jobs."""
        assert self.place is not None
        time = SharedTime(self._max_seconds, lambda: 0.0)  # of machines: how long jobs wait is not theirs
        parts = []
        for done, i in enumerate(waiting):
            seconds, _ = self._share(time, [self.sweep.parts[j] for j in waiting[done:]], done > 0)
            time.spend(seconds)
            try:
                parts.append(PartJobs.of(self.sweep.parts[i], outcomes[i], seconds))
            except UserError as error:
                self._failed(outcomes[i], str(error))
        launcher = Launcher.of(self.options, self.place / JOBS / "logs", longest(parts))
        return Cluster(self.place, launcher, parts, self.options.quiet).run()

    def _share(self, time: SharedTime, rest: Sequence[SweepPart], after_others: bool) -> tuple[float, Part]:
        """The seconds of the first of these parts, and what it is of all: its own where that is less than its share."""
        seconds, shared_by = time.first_of([_weight(part) for part in rest])
        own = rest[0].asked.options.max_seconds
        if time.given is None or (rest[0].own_seconds is not None and own <= seconds):
            return own, Part(after_others=after_others, tells_where=False)
        return seconds, Part(time.given, shared_by, after_others, tells_where=False)

    @property
    def _max_seconds(self) -> float | None:
        return self.sweep.max_seconds if self.options.max_seconds is None else self.options.max_seconds

    def _outcome(self, part: SweepPart) -> Outcome:
        """What is known of a part before it goes on."""
        own = None if self.place is None else self.place / part.name
        outcome = Outcome(part.name, part.asked.suite.name, own, anonymous=part.asked.options.anonymous)
        self._look_at(outcome)
        return outcome

    def _look_at(self, outcome: Outcome) -> None:
        """Take up how far its run is, and whether a whole one has a number for every case; or why it cannot be read."""
        if outcome.folder is None:
            return
        try:
            outcome.state = state_of(outcome.folder)
            if outcome.state == COMPLETE and not outcome.code and has_faults(outcome.folder):
                outcome.code = UNFINISHED_CASES
        except UserError as error:
            if not outcome.error:
                self._failed(outcome, str(error))

    def _of_other_machines(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """What became of the rounds that other kinds of machine measured than the first one of their part."""
        parts = [(each, each.folder) for each in outcomes if each.folder is not None]
        found = [(each, path) for each, place in parts for path in sorted(place.parent.glob(f"{place.name}+*"))]
        others = [
            Outcome(path.name, part.suite, path, code=part.code, anonymous=part.anonymous) for part, path in found
        ]
        for other in others:
            self._look_at(other)
        return others

    def _is_left(self, outcome: Outcome) -> bool:
        return outcome.state != COMPLETE or self.options.retry

    def _go(self, part: SweepPart, outcome: Outcome, seconds: float, what: Part) -> None:
        """One part as far as it comes. What is wrong with it costs it alone."""
        suite, own = part.asked.suite, self._options(part, outcome, seconds)
        what = replace(
            what,
            take_document=lambda document: setattr(outcome, "document", document),
            take_estimate=lambda estimate: setattr(outcome, "estimate", estimate),
        )
        if not self.options.as_json:
            named = part.name if part.name == suite.command else f"{part.name} ({suite.command})"
            print(f"{chr(10) * what.after_others}{named}: {suite.help}\n", flush=True)  # texts of its own
        try:
            if own.resume is None:
                outcome.code = part.asked.start(own, what)
            else:
                outcome.code = command.resume(suite, own, what)
        except Interrupted as stop:
            outcome.code = stop.exit_code
        except UserError as error:
            self._failed(outcome, str(error))
        except Exception as error:  # hours of other parts are not lost to a fault of this program in one of them
            if self.options.debug:
                raise
            fault = f"this is a fault of rnn-vs-attn: {first_line(error)}; --debug shows where"
            self._failed(outcome, path_refused(error) or fault)
        self._look_at(outcome)

    def _options(self, part: SweepPart, outcome: Outcome, seconds: float) -> RunOptions:
        """Those of a part: its own, and what the call says of all."""
        call = self.options
        own = replace(part.asked.options, max_seconds=seconds, quiet=call.quiet, debug=call.debug, as_json=call.as_json)
        if outcome.state == NOT_BEGUN:
            return replace(own, output=outcome.folder, dry_run=call.dry_run)
        return replace(own, resume=outcome.folder, retry=call.retry)

    def _failed(self, outcome: Outcome, reason: str) -> None:
        outcome.error, outcome.code = reason, outcome.code if outcome.code in _STOPPED else WRONG_CALL
        say(f"error: {outcome.name}: {reason}")

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        """What all parts found, or how long they would take; where everything is, and how to go on."""
        if self.options.as_json:
            summary.put_documents(outcomes)
            own = {"name": self.sweep.name, "sha256": self.sweep.sha256}
            place = None if self.place is None else self.place.name if self.sweep.is_anonymous else str(self.place)
            print_json({"sweep": {**own, "folder": place}, "parts": [each.as_json for each in outcomes]})
        elif self.options.dry_run:
            summary.tell_estimate(outcomes, self._max_seconds)
        else:
            print()
            summary.show(outcomes)
        if self.place is not None:
            self._write(self.place, outcomes)

    def _write(self, place: Path, outcomes: Sequence[Outcome]) -> None:
        """All that was found, beside the runs. UserError where the disk takes no more."""
        left = any(each.state in (UNFINISHED, NOT_BEGUN) for each in outcomes)
        go_on = f"; go on with rnn-vs-attn run --resume {shlex.quote(str(place))}" if left else ""
        try:
            summary.write(place, outcomes)
            page_beside(place, [each.folder for each in outcomes if each.folder is not None])
        except UserError as error:
            raise UserError(f"{error}{go_on}") from None
        if not self.options.quiet:
            say(f"Written to {place}: report.html has all of it on one page, summary.md what was found{go_on}")


def _weight(part: SweepPart) -> float:
    """Seconds that a part would take by itself."""
    own = part.asked.options.max_seconds
    return max(own, _LEAST) if math.isfinite(own) else _OF_A_TRAINING


def _code_of(outcomes: Sequence[Outcome]) -> int:
    codes = [each.code for each in outcomes]
    return next((code for code in (*_STOPPED, *_FIRST_OF) if code in codes), DONE)
