"""A sweep from its first case to its records: order, rounds, stopping, resume. It never imports torch."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Protocol

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.limits import ENOUGH, LOOKS, Budget, Limits, Plan, Turn
from rnn_vs_attn.records.folder import RunFolder, StorageError
from rnn_vs_attn.records.types import Key, Record, Run, Sample, SampleLine, key_of
from rnn_vs_attn.run.journal import Journal, same
from rnn_vs_attn.run.schedule import After, Costs, Look, Schedule, left_out_words
from rnn_vs_attn.suites.suite import MEASURE, PEAKS, Case, Suite, axes_of
from rnn_vs_attn.units import counted, duration
from rnn_vs_attn.worker.client import Worker


class Progress(Protocol):
    """Who is told how the run goes on."""

    def round_begins(self, number: int, num_cases: int) -> None: ...

    def case_begins(self, case: Case, what: str) -> None: ...

    def round_ends(self, number: int, records: Sequence[Record]) -> None: ...

    def note(self, text: str) -> None: ...


class Silence:
    """No progress."""

    def round_begins(self, number: int, num_cases: int) -> None:
        return None

    def case_begins(self, case: Case, what: str) -> None:
        return None

    def round_ends(self, number: int, records: Sequence[Record]) -> None:
        return None

    def note(self, text: str) -> None:
        return None


LATE = "measured again, later than the other cases of its rounds"


class _TimeIsUp(Exception):
    """--max-seconds has passed."""


@dataclass
class _Spent:
    """Seconds of one round by what they were spent in."""

    start_up: float = 0.0
    warm_up: float = 0.0
    timed: float = 0.0
    memory: float = 0.0
    longest_case: float = 0.0
    cases: float = 0.0  # all of them together

    def told(self) -> dict[str, float]:
        """What is stored."""
        return {name: seconds for name, seconds in asdict(self).items() if name != "cases"}


@dataclass
class Sweep:
    """One run in progress. `start_worker` and `clock` are the seam at which tests put others.

    looked: what a look before the run said of its cases; start_up: seconds that the start of a process took then;
    begun: when the command began, by the clock. retry: measure cases again that have failed.
    """

    suite: Suite
    cases: Sequence[Case]
    limits: Limits
    folder: RunFolder
    head: Run
    start_worker: Callable[[], Worker]
    progress: Progress = field(default_factory=Silence)
    clock: Callable[[], float] = time.monotonic
    lines: Sequence[SampleLine] = ()
    looked: Mapping[Case, Look] = field(default_factory=dict)
    start_up: float = 0.0
    begun: float | None = None
    retry: bool = False

    def __post_init__(self) -> None:
        self.journal = Journal(self.suite, self.cases, self.folder, self.lines, over=self.head.status == "complete")
        self._worker: Worker | None = None
        self._plans = {(c, name): plan for c, made in self.looked.items() for name, plan in made.plans.items()}
        self._plans |= self.journal.plans()
        self._cares: dict[tuple[Case, str], Any] = {}  # what has to be renewed before each call
        self._spent = _Spent()
        self._resumed_at = self.rounds
        self._noted: set[str] = set()
        self._waiting: Sequence[Case] = []  # of the round under way, this one too
        self._until = math.inf  # when the request under way is given up
        self.schedule = self._new_schedule()

    def _new_schedule(self) -> Schedule:
        costs = Costs({case: made.cost for case, made in self.looked.items()})
        begun = self.clock() if self.begun is None else self.begun
        start_up = self.start_up if self.suite.timed else 0.0
        return Schedule(costs, self.limits.wanted_rounds, begun, self.limits.max_seconds, start_up)

    @property
    def rounds(self) -> int:
        """Finished ones."""
        return self.journal.rounds

    # The run

    def run(self) -> Run:
        """Measure until the limits say enough. Interruptions pass through; what was measured is kept all the same."""
        self.schedule = self._new_schedule()
        self.journal.begin()
        if self.retry:
            self.journal.forget_failed()
        try:
            self._catch_up()
            while not self._enough():
                self._leave_out()
                self.one_round()
        except _TimeIsUp:
            pass
        finally:
            self._end_worker()
            self.journal.write_records()
        self.journal.over = True
        if self.rounds or not self.journal.alive():
            self.head = _finished(self.head)
        self.journal.write_records()
        self.folder.write_run(self.head)
        return self.result()

    def result(self) -> Run:
        """The run as it stands, with a record for every case, measured or not."""
        return Run(**(vars(self.head) | {"records": self.journal.records()}))

    # When it is enough

    def _enough(self) -> bool:
        if not self.journal.alive():
            return True
        if self.limits.rounds is not None:
            return self.rounds >= self.limits.rounds
        if self.rounds >= LOOKS[-1]:
            return True
        return self.rounds in LOOKS and self._precise_enough()

    def _precise_enough(self) -> bool:
        """Whether every time of every case that still runs has an interval as narrow as asked."""
        alive = {same(axes_of(case)) for case in self.journal.alive()}
        return all(
            reached(record, self.limits.precision)
            for record in self.journal.records()
            if record.metric in self.suite.precise and same(record.axes) in alive
        )

    def _check_time(self) -> None:
        """A resumed run finishes its round, or it never would."""
        repeats = self.journal.repeats and self.rounds == self._resumed_at
        if self.clock() > self.schedule.ends and not repeats:
            raise _TimeIsUp

    def _leave_out(self) -> None:
        """Cases without which the rounds that are wanted fit into the time, each with a record that says so."""
        now, alive = self.clock(), self.journal.alive()
        surplus = self.schedule.surplus(self.rounds, now, alive, self.suite.kept)
        if not surplus:
            return
        needed = self.limits.to_ask(self.schedule.needed(self.rounds, now, alive))
        rounds, given = counted(self.limits.wanted_rounds, "round"), self.limits.asked_seconds
        reason = f"left out: {rounds} with it do not fit into --max-seconds {given:g}; {needed} has it"
        self.progress.note(left_out_words(surplus, needed))
        for case in surplus:
            owed = self.suite.owed(case)
            self.journal.fault(case, self.rounds, CaseFault("timeout", reason), owed, needed_seconds=needed)

    # One round

    def one_round(self) -> None:
        """Measure every case once more."""
        number, cases = self.rounds, self.journal.alive()
        self.progress.round_begins(number, len(cases))
        started = self.clock()
        self._spent = _Spent()
        self.schedule.begin(number, started, self._timed(cases), self._after(number))
        if self.suite.timed:  # what is not timed does not depend on the process, and a start takes seconds
            self._start_for_round()
        begun = self.clock()
        anchors = self._anchors(cases)
        for case in self._turns(self._arranged(self._timed(cases), number, "timed")):
            self._one(case, number, self._time if self.suite.passes else self._measure)
        self._append_best(number, anchors + self._anchors(cases))
        self._measure_afterwards(number, self._after(number))
        if self.suite.timed:
            self._end_worker()
        ended = self.clock()
        self.schedule.ended(ended - started - self._spent.cases)
        self.journal.end_round(ended - begun, self._spent.told())
        self.progress.round_ends(number, self.journal.records())

    def _catch_up(self) -> None:
        """Measure what finished rounds lack: the cases of a run that are tried again."""
        for number in range(self.rounds):
            lacking = self.journal.lacking(number)
            if lacking:
                self._start_for_round()
                for case in self._turns(self._arranged(lacking, number, "timed")):
                    self._one(case, number, self._time if self.suite.passes else self._measure)
        if self.rounds and self.suite.afterwards:
            pending = self._after(self.rounds - 1).pending
            self._measure_afterwards(self.rounds - 1, After(pending=pending))
        self._end_worker()

    def _timed(self, cases: Sequence[Case]) -> list[Case]:
        """Those that a round begins with: what is timed in blocks, or all where nothing is."""
        return [case for case in cases if not self.suite.passes or self.suite.times(case)]

    def _after(self, number: int) -> After:
        """The cases to be measured after all times."""
        if not self.suite.afterwards:
            return After()
        few = self.suite.measured_rounds
        once_more = few is None or number < few or self.limits.rounds is not None
        alive, peaks = self.journal.alive(), self.suite.afterwards == PEAKS
        always = [case for case in alive if once_more and self.suite.always_measured(case)]
        pending = [case for case in alive if self.journal.is_first(case, peaks) and case not in always]
        again = [case for case in alive if case not in always and case not in pending] if once_more else []
        return After(always, pending, again)

    def _measure_afterwards(self, number: int, after: After) -> None:
        """As many as there is time for, cheap ones first; in the last round that is wanted none stays pending."""
        for case in self._arranged(after.always, number, "always"):
            self._one(case, number, self._measure_after)
        begun = self.clock()
        for done, case in enumerate(self._cheap_first(after.pending, number)):
            if self.schedule.owes(self.clock() - begun, done) or self.schedule.has_time(self.clock(), case):
                self._one(case, number, self._measure_after)
        for case in self._cheap_first(after.again, number):
            if self.schedule.has_time(self.clock(), case):
                self._one(case, number, self._measure_after)

    def _cheap_first(self, cases: Sequence[Case], number: int) -> list[Case]:
        return sorted(self._arranged(cases, number, "measured"), key=lambda case: self.schedule.costs.of(case).after)

    def _arranged(self, cases: Sequence[Case], number: int, what: str) -> list[Case]:
        """In random order, those next to each other whose results are compared."""
        order = random.Random(f"{self.limits.seed}-{number}-{what}")
        groups: dict[Any, list[Case]] = {}
        for case in cases:
            groups.setdefault(self.suite.together(case), []).append(case)
        arranged = list(groups.values())
        order.shuffle(arranged)
        for group in arranged:
            order.shuffle(group)
        return [case for group in arranged for case in group]

    def _turns(self, cases: Sequence[Case]) -> Iterator[Case]:
        """One case after the other; those that are not through yet are `_waiting`."""
        for i, case in enumerate(cases):
            self._waiting = cases[i:]
            yield case
        self._waiting = []

    def _one(self, case: Case, number: int, how: Callable[[Case, int], None]) -> None:
        """One case of a round; a fault of its own is recorded and costs this case only."""
        self._check_time()
        begun = self.clock()
        self._until = begun + min(self.limits.timeout, self._patience(case, number))
        try:
            how(case, number)
        except CaseFault as fault:
            self._fault(case, number, self._said(fault, begun))
        except StorageError:
            raise
        except UserError as error:
            self._fault(case, number, CaseFault("failed", str(error)))
        seconds = self.clock() - begun
        self._spent.cases += seconds
        self._spent.longest_case = max(self._spent.longest_case, seconds)

    def _patience(self, case: Case, number: int) -> float:
        return self.schedule.patience(number, self.clock(), case, self.journal.alive())

    def _said(self, fault: CaseFault, begun: float) -> CaseFault:
        """A fault as it is told: which limit an answer did not come within."""
        if fault.status != "timeout":
            return fault
        given = self._until - begun
        limit = f"--timeout {self.limits.timeout:g} allows"
        if given < self.limits.timeout:
            limit = f"the {duration(given)} that --max-seconds {self.limits.asked_seconds:g} leaves it"
        return CaseFault("timeout", f"it took longer in one round than {limit}", fault.warnings)

    def _fault(self, case: Case, number: int, fault: CaseFault) -> None:
        owed = self.suite.owed(case)
        after = self._after(number)
        if self.suite.afterwards and case not in (*after.always, *after.pending, *after.again):
            owed = tuple(name for name in owed if name in self.suite.precise)
        self.journal.fault(case, number, fault, owed)

    # Times

    def _time(self, case: Case, number: int) -> None:
        """Blocks of every pass of one case, driven from here: of more than one as many as there is time for."""
        samples: list[Sample] = []
        warnings: list[str] = []
        begun = self.clock()
        share = self.schedule.share(begun, self._waiting)
        beyond, more = 0.0, 0.0
        try:
            self.progress.case_begins(case, "prepare")
            warnings += self._ask("prepare", seed=number, **self._about(case))["warnings"]
            for name in self.suite.passes:
                self.progress.case_begins(case, name)
                taken = self._time_pass(case, name, share)
                samples += taken.samples
                beyond, more = beyond + taken.beyond, more + taken.more
            warnings += self._ask("release")["warnings"]
        except CaseFault as fault:
            warnings += fault.warnings
            raise
        finally:
            self.journal.samples(case, number, samples, [*warnings, *self._late(number)])
        self.schedule.costs.timed(case, self.clock() - begun - beyond, more)

    def _time_pass(self, case: Case, name: str, share: float) -> _Taken:
        assert self.suite.timed_samples is not None
        budget, known = self.limits.budget, self._plans.get((case, name))
        fields = {"plan": asdict(known) if known else None, "care": self._cares.get((case, name))}
        ready = self._ask("ready", name=name, budget=asdict(budget.shortened(share)), **fields)
        self._cares.setdefault((case, name), ready["care"])
        plan = Plan(ready["loops"], ready["num_blocks"])
        self._spent.warm_up += ready["warm_up_seconds"] + ready.get("compile_seconds", 0.0)
        blocks = []
        for _ in range(1 + math.floor(share * (plan.num_blocks - 1))):
            blocks.append(self._ask("block", name=name, loops=plan.loops))
            self._spent.timed += blocks[-1]["wall"]
        wall = median(block["wall"] for block in blocks)
        self._plans[case, name] = replanned(plan, wall, budget)
        return _Taken(
            self.suite.timed_samples(name, blocks, ready),
            beyond=(len(blocks) - 1) * wall + ready["warm_seconds"],
            more=(plan.num_blocks - 1) * wall + ready["warm_seconds"] / (share or 1.0),
        )

    def _late(self, number: int) -> list[str]:
        return [LATE] if number < self.rounds else []

    # What is not timed in blocks

    def _measure(self, case: Case, number: int) -> None:
        """All of a case that is timed by the worker itself, or not at all."""
        begun = self.clock()
        enough = ENOUGH * self.schedule.share(begun, self._waiting)
        self._samples(case, number, MEASURE, Turn(number, self.journal.is_first(case), enough))
        quantities = self.schedule.costs.of(case).more / ENOUGH
        seconds = self.clock() - begun
        self._spent.timed += seconds
        self.schedule.costs.timed(case, max(0.0, seconds - quantities * enough), quantities * ENOUGH)

    def _measure_after(self, case: Case, number: int) -> None:
        """What comes after all times: memory, counts, and what makes the process slower."""
        begun, part = self.clock(), self.suite.afterwards
        self._samples(case, number, part, Turn(number, self.journal.is_first(case, part == PEAKS)))
        seconds = self.clock() - begun
        self._spent.memory += seconds
        self.schedule.costs.measured(case, seconds)

    def _samples(self, case: Case, number: int, part: str, turn: Turn) -> None:
        """Ask for samples of a case and keep them."""
        self.progress.case_begins(case, "memory" if part == self.suite.afterwards else part)
        answer = self._ask("measure", turn=asdict(turn), part=part, **self._about(case))
        self.journal.samples(case, number, [Sample(**sample) for sample in answer["samples"]], self._late(number))
        self.journal.was_asked(case, part == PEAKS)

    # The machine's own peak

    def _anchors(self, cases: Sequence[Case]) -> list[tuple[dict[str, Any], Sample]]:
        """The machine's own peak for each setting that the cases run under."""
        settings = {tuple(axes_of(case)[name] for name in self.suite.anchor_axes) for case in cases}
        found = []
        for values in sorted(settings, key=str) if self.suite.anchor_axes else []:
            axes = dict(zip(self.suite.anchor_axes, values, strict=True))
            self._until = self.clock() + self.limits.timeout
            try:
                samples = self._ask("anchor", **axes)["samples"]
            except CaseFault as error:  # a machine whose peak cannot be measured still runs the cases
                self._note_once(f"the machine's own peak could not be read: {error}")
                continue
            found += [(axes | sample["axes"], Sample(**sample)) for sample in samples]
        return found

    def _note_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self.progress.note(f"note: {text}")

    def _append_best(self, number: int, anchors: Sequence[tuple[dict[str, Any], Sample]]) -> None:
        """One sample of each from the readings of a round: a peak is the best that was reached."""
        readings: dict[Key, list[tuple[dict[str, Any], Sample]]] = {}
        for axes, sample in anchors:
            readings.setdefault(key_of(self.suite.name, sample.metric, axes), []).append((axes, sample))
        for found in readings.values():
            axes, sample = found[0]
            best = max if self.suite.metric(sample.metric, axes).better == "higher" else min
            value = best(reading.value for _, reading in found if reading.value is not None)
            self.journal.append(SampleLine(self.suite.name, axes, sample.metric, number, value))

    # The worker

    def _about(self, case: Case) -> dict[str, Any]:
        return {"suite": self.suite.name, "case": axes_of(case), "max_memory": self.limits.max_memory}

    def _ask(self, do: str, **fields: Any) -> dict[str, Any]:
        if self._worker is None or not self._worker.alive:
            self._fresh_worker()
        assert self._worker is not None
        return self._worker.ask(do, max(self._until - self.clock(), 0.001), **fields)

    def _start_for_round(self) -> None:
        """Where that fails twice the cases of the round try again, each for itself."""
        with contextlib.suppress(CaseFault):
            self._fresh_worker()

    def _fresh_worker(self) -> None:
        """CaseFault where it does not start, twice."""
        self._end_worker()
        try:
            self._worker = self.start_worker()
        except DoesNotStart:
            try:
                self._worker = self.start_worker()
            except DoesNotStart as error:
                raise CaseFault("crashed", f"{error}, twice") from None
        self._spent.start_up += self._worker.start_up

    def _end_worker(self) -> None:
        if self._worker is not None and self._worker.alive:
            self._worker.close()
        self._worker = None


@dataclass(frozen=True)
class _Taken:
    """Samples of one pass. Seconds beyond its first block and the call before it: taken, and what all would take."""

    samples: list[Sample]
    beyond: float
    more: float


def replanned(plan: Plan, wall: float, budget: Budget) -> Plan:
    """The plan, or another one where a block took far less than it was made for: it was made in a bad moment."""
    if wall >= budget.block / 2 and budget.num_blocks(wall) <= 2 * plan.num_blocks:
        return plan
    loops = max(plan.loops, math.ceil(plan.loops * 1.2 * budget.block / wall))
    return Plan(loops, budget.num_blocks(wall * loops / plan.loops))


def reached(record: Record, precision: float) -> bool:
    """Whether a record's interval is as narrow as asked."""
    width = record.estimate.half_width if record.estimate else None
    return width is not None and width <= precision


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _finished(head: Run) -> Run:
    return Run(**(vars(head) | {"status": "complete", "finished": now()}))
