"""A sweep from its first case to its records: order, rounds, stopping, resume. It never imports torch."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from rnn_vs_attn.budget import LOOKS, Limits, Plan
from rnn_vs_attn.child import Worker
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.records import (
    ROUND_DROPPED,
    ROUND_TIME,
    Axes,
    Key,
    Record,
    Run,
    RunFolder,
    Sample,
    SampleLine,
    StorageError,
    build_record,
    group_lines,
    key_of,
)
from rnn_vs_attn.stats import Estimate
from rnn_vs_attn.suites.suite import Case, Suite, axes_of


class Progress(Protocol):
    """Who is told how the run goes on."""

    def round_begins(self, number: int, num_cases: int) -> None: ...

    def case_begins(self, case: Case, what: str) -> None: ...

    def round_ends(self, number: int, records: Sequence[Record]) -> None: ...


class Silence:
    """No progress."""

    def round_begins(self, number: int, num_cases: int) -> None:
        return None

    def case_begins(self, case: Case, what: str) -> None:
        return None

    def round_ends(self, number: int, records: Sequence[Record]) -> None:
        return None


class _TimeIsUp(Exception):
    """--max-seconds has passed."""


@dataclass
class _Spent:
    """Seconds of one round by what they were spent in."""

    start_up: float = 0.0
    warm_up: float = 0.0
    timed: float = 0.0
    memory: float = 0.0


@dataclass
class Sweep:
    """One run in progress. `start_worker` and `clock` are the seam at which tests put others."""

    suite: Suite
    cases: Sequence[Case]
    limits: Limits
    folder: RunFolder
    head: Run
    start_worker: Callable[[], Worker]
    progress: Progress = field(default_factory=Silence)
    clock: Callable[[], float] = time.monotonic
    lines: list[SampleLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._worker: Worker | None = None
        self._plans: dict[tuple[Case, str], Plan] = {}
        self._cares: dict[tuple[Case, str], Any] = {}  # what has to be renewed before each call
        self._spent = _Spent()
        self._lines_of_round: list[SampleLine] = []
        self._deadline = 0.0
        self.rounds = self._take_up()

    # The run

    def run(self) -> Run:
        """Measure until the limits say enough. Interruptions pass through; what was measured is kept all the same."""
        self._deadline = self.clock() + self.limits.max_seconds
        if self._dropped:
            self.folder.append(SampleLine(self.suite.name, {}, ROUND_DROPPED, self.rounds, None))
        try:
            while not self._enough():
                self._round()
        except _TimeIsUp:
            pass
        finally:
            self._end_worker()
            self._write_records()
        if self.rounds or not self._alive():
            self.head = _finished(self.head)
        self.folder.write_run(self.head)
        return self.result()

    def result(self) -> Run:
        """The run as it stands, with a record for every case, measured or not."""
        return Run(**(vars(self.head) | {"records": self.records()}))

    def records(self) -> list[Record]:
        """Records of all lines so far, those that the suite derives from them, and one for each case without any."""
        groups = group_lines(self.lines).items()
        made = [build_record(self.suite.metric(key[1], dict(key[2])), group) for key, group in groups]
        order = {tuple(axes_of(case).values()): i for i, case in enumerate(self.cases)}
        made.sort(key=lambda record: order.get(tuple(self._case_axes(record.axes).values()), len(order)))
        return [*made, *self.suite.derive(made), *self._missing()]

    def _missing(self) -> list[Record]:
        """What the first round has not come to, with the reason; after a whole round there is nothing of the kind."""
        if self.rounds:
            return []
        limit = f"--max-seconds {self.limits.max_seconds:g}"
        reason = f"not reached: {limit} or an interruption came first; --resume goes on"
        seen = {(line.metric, _same(self._case_axes(line.axes))) for line in self.lines}
        lines = [
            self._line(case, 0, Sample(name, None), "timeout", reason)
            for case in self._alive()
            for name in self.suite.owed(case)
            if (name, _same(axes_of(case))) not in seen
        ]
        return [build_record(self.suite.metric(line.metric, line.axes), [line]) for line in lines]

    def _case_axes(self, axes: dict[str, Any]) -> dict[str, Any]:
        return {name: axes[name] for name in axes_of(self.cases[0]) if name in axes}

    def _take_up(self) -> int:
        """Finished rounds of an interrupted run; lines of its unfinished round are forgotten, to be measured again."""
        kept: list[SampleLine] = []
        for line in self.lines:
            if line.metric == ROUND_DROPPED:
                kept = [earlier for earlier in kept if earlier.round < line.round]
            else:
                kept.append(line)
        rounds = sum(line.metric == ROUND_TIME for line in kept)
        self.lines = [line for line in kept if line.round < rounds]
        self._dropped, self._resumed_at = len(self.lines) < len(kept), rounds
        for line in self.lines:
            for name in self.suite.passes:
                if line.metric == f"{name}_time" and line.status == "ok":
                    plan = Plan(line.details["loops"], len(line.blocks))
                    self._plans.setdefault((_case_of(self.suite, line), name), plan)
        return rounds

    # When it is enough

    def _enough(self) -> bool:
        if not self._alive():
            return True
        if self.limits.rounds is not None:
            return self.rounds >= self.limits.rounds
        if self.rounds >= LOOKS[-1]:
            return True
        return self.rounds in LOOKS and self._precise_enough()

    def _precise_enough(self) -> bool:
        """Whether every time of every case that still runs has an interval as narrow as asked."""
        alive = {_same(axes_of(case)) for case in self._alive()}
        return all(
            reached(record, self.limits.precision)
            for record in self.records()
            if record.metric in self.suite.precise and _same(record.axes) in alive
        )

    def _alive(self) -> list[Case]:
        """Cases that have not failed."""
        failed = {_same(line.axes) for line in self.lines if line.status != "ok"}
        return [case for case in self.cases if _same(axes_of(case)) not in failed]

    def _check_time(self) -> None:
        repeats = (
            self._dropped and self.rounds == self._resumed_at
        )  # a resumed run finishes its round, or it never would
        if self.clock() > self._deadline and not repeats:
            raise _TimeIsUp

    # One round

    def _round(self) -> None:
        number = self.rounds
        cases = self._alive()
        self._spent, self._lines_of_round = _Spent(), []
        self.progress.round_begins(number, len(cases))
        if self.suite.timed:  # what is not timed does not depend on the process, and a start takes seconds
            self._fresh_worker()
        begun = self.clock()
        anchors = self._anchors(cases)
        if self.suite.passes:
            for case in self._shuffled([case for case in cases if self.suite.times(case)], number, "timed"):
                self._one(case, number, self._time)
        self._append_best(number, anchors + self._anchors(cases))
        if self._measures(number):
            for case in self._shuffled(self._alive(), number, "measured"):
                self._one(case, number, self._measure)
        if self.suite.peaks is not None:
            for case in self._shuffled(self._alive(), number, "peaks"):
                self._one(case, number, self._peaks)
        if self.suite.timed:
            self._end_worker()
        wall = self.clock() - begun
        self._append(SampleLine(self.suite.name, {}, ROUND_TIME, number, wall, details=asdict(self._spent)))
        self.rounds += 1
        self._write_records()
        self.progress.round_ends(number, self.records())

    def _measures(self, number: int) -> bool:
        """Whether this round takes more than times: the first few, and all where it was said how many there are."""
        few = self.suite.measured_rounds
        return few is None or number < few or self.limits.rounds is not None

    def _shuffled(self, cases: Sequence[Case], number: int, what: str) -> list[Case]:
        order = list(cases)
        random.Random(f"{self.limits.seed}-{number}-{what}").shuffle(order)
        return order

    def _one(self, case: Case, number: int, how: Callable[[Case, int], None]) -> None:
        """One case of a round; a fault of its own is recorded and costs this case only."""
        self._check_time()
        try:
            how(case, number)
        except CaseFault as fault:
            if fault.status == "timeout":
                fault = CaseFault(
                    "timeout", f"it took longer in one round than --timeout {self.limits.timeout:g} allows"
                )
            self._fault(case, number, fault)
        except StorageError:
            raise
        except UserError as error:
            if self._worker is None or not self._worker.alive:
                raise
            self._fault(case, number, CaseFault("failed", str(error)))

    def _anchors(self, cases: Sequence[Case]) -> list[tuple[dict[str, Any], Sample]]:
        """The machine's own peak for each setting that the cases run under."""
        settings = {tuple(axes_of(case)[name] for name in self.suite.anchor_axes) for case in cases}
        found = []
        for values in sorted(settings, key=str) if self.suite.anchor_axes else []:
            axes = dict(zip(self.suite.anchor_axes, values, strict=True))
            with contextlib.suppress(CaseFault):  # a machine whose peak cannot be measured still runs the cases
                samples = self._ask("anchor", self.limits.timeout, **axes)["samples"]
                found += [(axes | sample["axes"], Sample(**sample)) for sample in samples]
        return found

    def _append_best(self, number: int, anchors: Sequence[tuple[dict[str, Any], Sample]]) -> None:
        """One sample of each from the readings of a round: a peak is the best that was reached."""
        readings: dict[Key, list[tuple[dict[str, Any], Sample]]] = {}
        for axes, sample in anchors:
            readings.setdefault(key_of(self.suite.name, sample.metric, axes), []).append((axes, sample))
        for found in readings.values():
            axes, sample = found[0]
            best = max if self.suite.metric(sample.metric, axes).better == "higher" else min
            value = best(reading.value for _, reading in found if reading.value is not None)
            self._append(SampleLine(self.suite.name, axes, sample.metric, number, value))

    def _time(self, case: Case, number: int) -> None:
        """Blocks of every pass of one case, driven from here."""
        samples: list[Sample] = []
        warnings: list[str] = []
        until = self.clock() + self.limits.timeout
        try:
            fields = {"suite": self.suite.name, "case": axes_of(case), "max_memory": self.limits.max_memory}
            self.progress.case_begins(case, "prepare")
            warnings += self._ask("prepare", until - self.clock(), seed=number, **fields)["warnings"]
            for name in self.suite.passes:
                self.progress.case_begins(case, name)
                samples += self._time_pass(case, name, until)
            warnings += self._ask("release", until - self.clock())["warnings"]
        finally:
            for sample in samples:
                self._append(self._line(case, number, sample, warnings=warnings))

    def _time_pass(self, case: Case, name: str, until: float) -> list[Sample]:
        assert self.suite.timed_samples is not None
        known = self._plans.get((case, name))
        plan_fields = asdict(known) if known else None
        fields = {"budget": asdict(self.limits.budget), "plan": plan_fields, "care": self._cares.get((case, name))}
        ready = self._ask("ready", until - self.clock(), name=name, **fields)
        self._cares.setdefault((case, name), ready.get("care"))
        plan = self._plans.setdefault((case, name), Plan(ready["loops"], ready["num_blocks"]))
        self._spent.warm_up += ready["warm_up_seconds"] + ready.get("compile_seconds", 0.0)
        blocks = []
        for _ in range(plan.num_blocks):
            blocks.append(self._ask("block", until - self.clock(), name=name, loops=plan.loops))
            self._spent.timed += blocks[-1]["wall"]
        return self.suite.timed_samples(name, blocks, ready)

    def _measure(self, case: Case, number: int) -> None:
        """What is not timed in blocks."""
        seconds = self._samples(case, number, "memory" if self.suite.passes else "measure")
        if self.suite.passes:
            self._spent.memory += seconds
        else:
            self._spent.timed += seconds

    def _peaks(self, case: Case, number: int) -> None:
        """What makes the process slower, after all else."""
        self._spent.memory += self._samples(case, number, "memory", part="peaks")

    def _samples(self, case: Case, number: int, what: str, **fields: str) -> float:
        """Ask for samples of a case and keep them; the seconds that it took."""
        self.progress.case_begins(case, what)
        about = {"suite": self.suite.name, "case": axes_of(case), "max_memory": self.limits.max_memory}
        begun = self.clock()
        answer = self._ask("measure", self.limits.timeout, seed=number, **about, **fields)
        seconds = self.clock() - begun
        for sample in answer["samples"]:
            self._append(self._line(case, number, Sample(**sample)))
        return seconds

    # The worker

    def _ask(self, do: str, timeout: float, **fields: Any) -> dict[str, Any]:
        if self._worker is None or not self._worker.alive:
            self._fresh_worker()
        assert self._worker is not None
        return self._worker.ask(do, max(timeout, 0.001), **fields)

    def _fresh_worker(self) -> None:
        self._end_worker()
        self._worker = self.start_worker()
        self._spent.start_up += self._worker.start_up

    def _end_worker(self) -> None:
        if self._worker is not None and self._worker.alive:
            self._worker.close()
        self._worker = None

    # The lines

    def _fault(self, case: Case, number: int, fault: CaseFault) -> None:
        """A line for each metric that the case still owes this round."""
        axes = axes_of(case)
        given = {
            line.metric for line in self._lines_of_round if self._case_axes(line.axes) == axes and line.status == "ok"
        }
        all_owed = self.suite.owed(case)
        if not self._measures(number):
            all_owed = tuple(name for name in all_owed if name in self.suite.precise)
        owed = [name for name in all_owed if name not in given]
        for name in owed or self.suite.owed(case)[-1:]:
            self._append(self._line(case, number, Sample(name, None), fault.status, fault.reason))

    def _line(
        self,
        case: Case,
        number: int,
        sample: Sample,
        status: str = "ok",
        error: str = "",
        warnings: Sequence[str] = (),
    ) -> SampleLine:
        return SampleLine(
            suite=self.suite.name,
            axes=axes_of(case) | sample.axes,
            metric=sample.metric,
            round=number,
            value=sample.value,
            zero=sample.zero,
            blocks=sample.blocks,
            status=status,
            error=error,
            warnings=[*sample.warnings, *warnings],
            details=sample.details,
        )

    def _append(self, line: SampleLine) -> None:
        self.folder.append(line)
        self.lines.append(line)
        self._lines_of_round.append(line)

    def _write_records(self) -> None:
        self.folder.write_records(self.records())


def _same(axes: Axes) -> tuple[tuple[str, Any], ...]:
    """Axes as a value that can be looked up."""
    return tuple(sorted(axes.items()))


def _case_of(suite: Suite, line: SampleLine) -> Case:
    fields: dict[str, Any] = dict(line.axes)
    return suite.case(**fields)


def reached(record: Record, precision: float) -> bool:
    """Whether a record's interval is as narrow as asked."""
    if record.median is None:
        return False
    width = Estimate(record.median, record.low, record.high, len(record.samples)).half_width
    return width is not None and width <= precision


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _finished(head: Run) -> Run:
    return Run(**(vars(head) | {"status": "complete", "finished": now()}))
