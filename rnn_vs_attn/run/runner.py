"""A run from its first case to its records: rounds until they are enough, and what is left out of them. No torch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import LOOKS, Limits, Plan, TimeIsUp
from rnn_vs_attn.records.head import finished
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.run.journal import Journal, same
from rnn_vs_attn.run.listener import Progress, Silence
from rnn_vs_attn.run.measuring import Measuring
from rnn_vs_attn.run.rounds import Rounds
from rnn_vs_attn.run.schedule import Schedule, said_of_left_out
from rnn_vs_attn.run.trainings import Trainings
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.units import counted
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.lanes import Lanes


@dataclass
class Runner:
    """One run in progress. `start_worker` and `clock` are the seam at which tests put others.

    schedule: its time, by that clock; plans: what a look before the run has fixed. retry: measure cases again that
    have failed. lanes: in which cases are trained, of a suite that trains.
    """

    journal: Journal
    limits: Limits
    head: Run
    schedule: Schedule
    start_worker: Callable[[], Worker]
    plans: Mapping[tuple[Case, str], Plan] = field(default_factory=dict)
    retry: bool = False
    lanes: Lanes | None = None
    progress: Progress = field(default_factory=Silence)
    clock: Callable[[], float] = time.monotonic

    @property
    def rounds(self) -> int:
        """Finished ones."""
        return self.journal.rounds

    def run(self) -> Run:
        """Measure until the limits say enough. Interruptions pass through; what was measured is kept all the same."""
        measuring = Measuring(
            self.journal, self.limits, self.schedule, self.start_worker, self.plans, self.progress, self.clock
        )
        rounds = Rounds(measuring, Trainings(measuring, self.lanes) if self.lanes is not None else None)
        try:
            self._measure(rounds)
            self.journal.over = True
        finally:
            rounds.end()
            self.journal.write_records()
        if self._enough() or (self.rounds and self.lanes is None):  # trainings go on where their time was up
            self.head = finished(self.head)
        self.journal.folder.write_run(self.head)
        return self.result()

    def result(self) -> Run:
        """The run as it stands, with a record for every case, measured or not."""
        return dataclasses.replace(self.head, records=self.journal.records())

    def _measure(self, rounds: Rounds) -> None:
        """Round after round, until they are enough or the time is up."""
        self.journal.begin()
        if self.retry:
            self.journal.forget_failed()
        try:
            rounds.catch_up()
            while not self._enough():
                self._leave_out()
                rounds.one_round()
        except TimeIsUp:
            return

    def _enough(self) -> bool:
        return enough(self.journal, self.limits)

    def _leave_out(self) -> None:
        """Cases without which the rounds that are wanted fit into the time, each with a record that says so."""
        moment, suite, alive = self.clock(), self.journal.suite, self.journal.alive()
        surplus = self.schedule.surplus(self.rounds, moment, alive, suite.rounds.kept)
        if not surplus:
            return
        needed = self.limits.to_ask(self.schedule.needed(self.rounds, moment, alive))
        rounds, given = counted(self.limits.wanted_rounds, "round"), self.limits.asked_seconds
        reason = f"left out: {rounds} with it do not fit into --max-seconds {given:g}; {needed} has it"
        self.progress.note(said_of_left_out(surplus, needed, self.journal.cases))
        for case in surplus:
            fault = CaseFault("timeout", reason)
            self.journal.fault(case, self.rounds, fault, suite.owed(case), needed_seconds=needed)


def enough(journal: Journal, limits: Limits) -> bool:
    """Whether a run has the rounds that are wanted, or that make every time precise enough, or no case that runs."""
    if not journal.alive():
        return True
    if limits.rounds is not None:
        return journal.rounds >= limits.rounds
    if journal.rounds >= LOOKS[-1]:
        return True
    return journal.rounds in LOOKS and _precise_enough(journal, limits)


def _precise_enough(journal: Journal, limits: Limits) -> bool:
    """Whether every time of every case that still runs has an interval as narrow as asked."""
    alive = {same(axes_of(case)) for case in journal.alive()}
    return all(
        reached(record, limits.precision)
        for record in journal.records()
        if record.metric in journal.suite.precise and same(record.axes) in alive
    )


def reached(record: Record, precision: float) -> bool:
    """Whether a record's interval is as narrow as asked."""
    width = record.estimate.half_width if record.estimate else None
    return width is not None and width <= precision
