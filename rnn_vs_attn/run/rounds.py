"""One round of a run after the other: in which order its cases come, what is measured after their times, what fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Deadline, Limits, TimeIsUp, deadline
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.measuring import Measuring, Spent
from rnn_vs_attn.run.schedule import After, Schedule
from rnn_vs_attn.run.trainings import Trainings
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import PEAKS, Suite
from rnn_vs_attn.units import duration


class Rounds:
    """Those of one run, on what `measuring` measures with. trainings: of a suite that trains."""

    def __init__(self, measuring: Measuring, trainings: Trainings | None = None) -> None:
        self.measuring = measuring
        self.trainings = trainings
        self.journal: Journal = measuring.journal
        self.suite: Suite = measuring.journal.suite
        self.limits: Limits = measuring.limits
        self.schedule: Schedule = measuring.schedule
        self.clock = measuring.clock
        self._resumed_at = measuring.journal.rounds

    def one_round(self) -> None:
        """Measure every case once more. TimeIsUp where --max-seconds passes."""
        number = self.journal.rounds
        cases = self._of_round(number, self.journal.alive())
        self.measuring.progress.round_begins(number, len(cases))
        started = self.clock()
        spent = self.measuring.spent = Spent()
        self.schedule.begin(number, started, self._timed(cases), self._after(number))
        if self.suite.timed:  # what is not timed does not depend on the process, and a start takes seconds
            self.measuring.start_worker()
        begun = self.clock()
        readings = self.measuring.machine_peaks(cases)
        self._time(self._timed(cases), number)
        self.measuring.keep_best(readings + self.measuring.machine_peaks(cases))
        self._measure_afterwards(number, self._after(number))
        if self.suite.timed:
            self.measuring.end_worker()
        ended = self.clock()
        self.schedule.ended(ended - started - spent.cases)
        self.journal.end_round(ended - begun, spent.told())
        self.measuring.progress.round_ends(number, self.journal.records())

    def catch_up(self) -> None:
        """Measure what finished rounds lack: the cases of a run that are tried again."""
        for number in range(self.journal.rounds):
            lacking = self._of_round(number, self.journal.lacking(number))
            if lacking:
                if self.trainings is None:
                    self.measuring.start_worker()
                self._time(lacking, number)
        if self.journal.rounds and self.suite.rounds.afterwards:
            number = self.journal.rounds - 1
            self._measure_afterwards(number, After(pending=self._after(number).pending))
        self.measuring.end_worker()

    def end(self) -> None:
        """End all workers."""
        self.measuring.end_worker()
        if self.trainings is not None:
            self.trainings.end()

    # Which cases, and in which order

    def _of_round(self, number: int, cases: Sequence[Case]) -> list[Case]:
        """Those of the cases that a round has."""
        trains = self.suite.rounds.trains
        if trains is None:
            return list(cases)
        wanted = trains.of_round(number, self.journal.cases, self.journal.records())  # none in place of one that failed
        return [case for case in cases if case in wanted]

    def _timed(self, cases: Sequence[Case]) -> list[Case]:
        """Those that a round begins with: what is timed in blocks, or all where nothing is."""
        return [case for case in cases if not self.suite.rounds.passes or self.suite.times(case)]

    def _after(self, number: int) -> After:
        """The cases to be measured after all times."""
        if not self.suite.rounds.afterwards:
            return After()
        few = self.suite.rounds.measured_rounds
        once_more = few is None or number < few or self.limits.rounds is not None
        alive, peaks = self.journal.alive(), self.suite.rounds.afterwards == PEAKS
        always = [case for case in alive if once_more and self.suite.rounds.always_measured(case)]
        pending = [case for case in alive if self.journal.is_first(case, peaks) and case not in always]
        again = [case for case in alive if case not in always and case not in pending] if once_more else []
        return After(always, pending, again)

    def _arranged(self, cases: Sequence[Case], number: int, what: str) -> list[Case]:
        """In random order, those next to each other whose results are compared."""
        order = random.Random(f"{self.limits.seed}-{self.limits.first_seed + number}-{what}")
        groups: dict[Any, list[Case]] = {}
        for case in cases:
            groups.setdefault(self.suite.axes.together(case), []).append(case)
        arranged = list(groups.values())
        order.shuffle(arranged)
        for group in arranged:
            order.shuffle(group)
        return [case for group in arranged for case in group]

    def _cheap_first(self, cases: Sequence[Case], number: int) -> list[Case]:
        return sorted(self._arranged(cases, number, "measured"), key=lambda case: self.schedule.costs.of(case).after)

    def _dear_first(self, cases: Sequence[Case], number: int) -> list[Case]:
        """So that no worker waits long for the last one."""
        return sorted(self._arranged(cases, number, "trained"), key=lambda case: -self.schedule.costs.of(case).least)

    def _turns(self, cases: Sequence[Case]) -> Iterator[Case]:
        """One case after the other; the measuring is told which ones are still waiting."""
        for i, case in enumerate(cases):
            self.measuring.waiting = cases[i:]
            yield case
        self.measuring.waiting = []

    # One case after the other

    def _time(self, cases: Sequence[Case], number: int) -> None:
        if self.trainings is not None:
            self.trainings.through(self._dear_first(cases, number), number)
            return
        how = self.measuring.time if self.suite.rounds.passes else self.measuring.measure
        for case in self._turns(self._arranged(cases, number, "timed")):
            self._one(case, number, how)

    def _measure_afterwards(self, number: int, after: After) -> None:
        """As many as there is time for, cheap ones first; in the last round that is wanted none stays pending."""
        how = self.measuring.measure_after
        for case in self._arranged(after.always, number, "always"):
            self._one(case, number, how)
        begun = self.clock()
        for done, case in enumerate(self._cheap_first(after.pending, number)):
            if self.schedule.owes(self.clock() - begun, done) or self.schedule.has_time(self.clock(), case):
                self._one(case, number, how)
        for case in self._cheap_first(after.again, number):
            if self.schedule.has_time(self.clock(), case):
                self._one(case, number, how)

    def _one(self, case: Case, number: int, how: Callable[[Case, int], None]) -> None:
        """One case of a round; a fault of its own is recorded and costs this case only."""
        self._check_time()
        begun = self.clock()
        given = self.measuring.deadline = self._deadline(case, number, begun)
        try:
            how(case, number)
        except CaseFault as fault:
            self._fault(case, number, given.told(fault))
        except StorageError:
            raise
        except UserError as error:
            self._fault(case, number, CaseFault("failed", str(error)))
        seconds = self.clock() - begun
        spent = self.measuring.spent
        spent.cases += seconds
        spent.longest_case = max(spent.longest_case, seconds)

    def _check_time(self) -> None:
        """A resumed run finishes its round, or it never would."""
        repeats = self.journal.repeats and self.journal.rounds == self._resumed_at
        if self.clock() > self.schedule.ends and not repeats:
            raise TimeIsUp

    def _deadline(self, case: Case, number: int, now: float) -> Deadline:
        """As much as --timeout allows, and as the other cases can do without."""
        patience = self.schedule.patience(number, now, case, self.journal.alive())
        if patience >= self.limits.timeout:
            return deadline(now, self.limits.timeout, "round")
        given = f"the {duration(patience)} that --max-seconds {self.limits.asked_seconds:g} leaves it"
        return Deadline(now + patience, "round", given)

    def _fault(self, case: Case, number: int, fault: CaseFault) -> None:
        owed = self.suite.owed(case)
        after = self._after(number)
        if self.suite.rounds.afterwards and case not in (*after.always, *after.pending, *after.again):
            owed = tuple(name for name in owed if name in self.suite.precise)
        self.journal.fault(case, number, fault, owed)
