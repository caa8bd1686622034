"""One case in one round: what its worker is asked for, and the samples that are kept of what it answers."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeVar

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import ENOUGH, Budget, Limits, Plan, Turn, deadline
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.records.types import Key, Sample, SampleLine
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.listener import Progress, Silence
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import MEASURE, PEAKS
from rnn_vs_attn.worker import machine_peaks
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.pool import OneAtATime
from rnn_vs_attn.worker.protocol import About, MakeReady, Measure, Prepare, Release, Request, TimeBlock

LATE = "measured again, later than the other cases of its rounds"
Reply = TypeVar("Reply")


@dataclass
class Spent:
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


@dataclass(frozen=True)
class _Taken:
    """Samples of one pass. Seconds beyond its first block and the call before it: taken, and what all would take."""

    samples: list[Sample]
    beyond: float
    more: float


class Measuring:
    """plans: of passes, as they were fixed before. waiting: the cases of the round that are not through yet, the one
    under way too. deadline: when that one is given up.
    """

    def __init__(
        self,
        journal: Journal,
        limits: Limits,
        schedule: Schedule,
        start_worker: Callable[[], Worker],
        plans: Mapping[tuple[Case, str], Plan],
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal, self.limits, self.schedule, self.clock = journal, limits, schedule, clock
        self.progress = progress or Silence()
        self.spent = Spent()
        self.waiting: Sequence[Case] = []
        self.deadline = deadline(clock(), limits.timeout, "round")
        self._workers = OneAtATime(start_worker)
        self._plans = {**plans, **journal.plans()}
        self._cares: dict[tuple[Case, str], Care] = {}
        self._noted: set[str] = set()

    # The worker

    def start_worker(self) -> None:
        """A fresh one. Where that fails twice the cases of the round try again, each for itself."""
        with contextlib.suppress(CaseFault):
            self.spent.start_up += self._workers.renew()

    def end_worker(self) -> None:
        self._workers.end()

    def _ask(self, request: Request[Reply]) -> Reply:
        if not self._workers.alive:
            self.spent.start_up += self._workers.renew()
        return self._workers.ask(request, self.deadline.left(self.clock))

    def _seed(self, number: int) -> int:
        """Of a round's weights and data."""
        return self.limits.first_seed + number

    def _about(self, case: Case) -> About:
        return About.of(self.journal.suite, case, self.limits.max_memory)

    # Times

    def time(self, case: Case, number: int) -> None:
        """Blocks of every pass of one case, driven from here: of more than one as many as there is time for."""
        samples: list[Sample] = []
        warnings: list[str] = []
        begun = self.clock()
        share = self.schedule.share(begun, self.waiting)
        beyond, more = 0.0, 0.0
        try:
            self.progress.case_begins(case, "prepare")
            warnings += self._ask(Prepare(self._about(case), seed=self._seed(number))).warnings
            for name in self.journal.suite.rounds.passes:
                self.progress.case_begins(case, name)
                taken = self._time_pass(case, name, share)
                samples += taken.samples
                beyond, more = beyond + taken.beyond, more + taken.more
            warnings += self._ask(Release()).warnings
        except CaseFault as fault:
            warnings += fault.warnings
            raise
        finally:
            self.journal.samples(case, number, samples, [*warnings, *self._late(number)])
        self.schedule.costs.timed(case, self.clock() - begun - beyond, more)

    def _time_pass(self, case: Case, name: str, share: float) -> _Taken:
        make_samples = self.journal.suite.rounds.timed_samples
        assert make_samples is not None
        budget, key = self.limits.budget, (case, name)
        request = MakeReady(name, budget.shortened(share), self._plans.get(key), self._cares.get(key))
        ready = self._ask(request)
        self._cares.setdefault(key, ready.care)
        self.spent.warm_up += ready.warm_up_seconds + (ready.compile_seconds or 0.0)
        plan, blocks = ready.plan, []
        for _ in range(1 + math.floor(share * (plan.num_blocks - 1))):
            blocks.append(self._ask(TimeBlock(name, plan.loops)))
            self.spent.timed += blocks[-1].wall
        wall = median(block.wall for block in blocks)
        self._plans[key] = replanned(plan, wall, budget)
        return _Taken(
            make_samples(name, blocks, ready),
            beyond=(len(blocks) - 1) * wall + ready.warm_seconds,
            more=(plan.num_blocks - 1) * wall + ready.warm_seconds / (share or 1.0),
        )

    def _late(self, number: int) -> list[str]:
        return [LATE] if number < self.journal.rounds else []

    # What is not timed in blocks

    def measure(self, case: Case, number: int) -> None:
        """All of a case that is timed by the worker itself, or not at all."""
        begun = self.clock()
        enough = ENOUGH * self.schedule.share(begun, self.waiting)
        self._samples(case, number, MEASURE, Turn(self._seed(number), self.journal.is_first(case), enough))
        quantities = self.schedule.costs.of(case).more / ENOUGH
        seconds = self.clock() - begun
        self.spent.timed += seconds
        self.schedule.costs.timed(case, max(0.0, seconds - quantities * enough), quantities * ENOUGH)

    def measure_after(self, case: Case, number: int) -> None:
        """What comes after all times: memory, counts, and what makes the process slower."""
        begun, part = self.clock(), self.journal.suite.rounds.afterwards
        self._samples(case, number, part, Turn(self._seed(number), self.journal.is_first(case, part == PEAKS)))
        seconds = self.clock() - begun
        self.spent.memory += seconds
        self.schedule.costs.measured(case, seconds)

    def _samples(self, case: Case, number: int, part: str, turn: Turn) -> None:
        """Ask for samples of a case and keep them."""
        self.progress.case_begins(case, "memory" if part == self.journal.suite.rounds.afterwards else part)
        answer = self._ask(Measure(self._about(case), turn, part))
        self.journal.samples(case, number, answer.samples, self._late(number))
        self.journal.was_asked(case, part == PEAKS)

    # The machine's own peak

    def machine_peaks(self, cases: Sequence[Case]) -> list[SampleLine]:
        """A reading of it for each setting that the cases run under."""
        suite, found = self.journal.suite, []
        for setting in machine_peaks.settings(suite, cases):
            self.deadline = deadline(self.clock(), self.limits.timeout, "round")
            try:
                samples = self._ask(setting).samples
            except CaseFault as error:  # a machine whose peak cannot be measured still runs the cases
                self._note_once(f"the machine's own peak could not be read: {error}")
                continue
            axes, number = machine_peaks.axes_of_setting(setting), self.journal.rounds
            found += [SampleLine.of(suite.name, axes, number, sample) for sample in samples]
        return found

    def keep_best(self, readings: Sequence[SampleLine]) -> None:
        """One sample of each of the readings of a round."""
        by_key: dict[Key, list[SampleLine]] = {}
        for line in readings:
            by_key.setdefault(line.key, []).append(line)
        for lines in by_key.values():
            first = lines[0]
            metric = self.journal.suite.metric(first.metric, first.axes)
            value = machine_peaks.best(metric, [line.value for line in lines if line.value is not None])
            self.journal.append(SampleLine(first.suite, first.axes, first.metric, first.round, value))

    def _note_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self.progress.note(f"note: {text}")


def replanned(plan: Plan, wall: float, budget: Budget) -> Plan:
    """The plan, or another one where a block took far less than it was made for: it was made in a bad moment."""
    if wall >= budget.block / 2 and budget.num_blocks(wall) <= 2 * plan.num_blocks:
        return plan
    loops = max(plan.loops, math.ceil(plan.loops * 1.2 * budget.block / wall))
    return Plan(loops, budget.num_blocks(wall * loops / plan.loops))
