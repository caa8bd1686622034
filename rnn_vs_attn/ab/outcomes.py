"""What both versions compute on the same weights and inputs, and of which cases that says that they are not timed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rnn_vs_attn.ab.blocks import CaseBlocks
from rnn_vs_attn.ab.failures import Failure, Untimed, attempt, told
from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.processes import Processes
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES, Sides
from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import PairLimits
from rnn_vs_attn.machine import temporary
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.pool import end
from rnn_vs_attn.worker.protocol import About, CompareOutcome


@dataclass(frozen=True)
class Compared:
    """How far apart two processes are that computed the same, and by what each of them failed."""

    outcome: Outcome
    faults: Mapping[str, CaseFault] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcomes:
    """Compares case by case. passes: that are timed; required: whether what differs is broken.

    hung: of cases that are timed all the same, why: what timed out here need not be part of a timed pass.
    """

    both: Sides
    workers: dict[str, ChildWorker]
    limits: PairLimits
    passes: tuple[str, ...]
    required: bool
    hung: dict[Case, str] = field(default_factory=dict)

    def of(self, case: Case) -> tuple[Outcome, Untimed | None]:
        """How far the candidate's output and gradients are from the baseline's, on the baseline's weights and input;
        and the verdict where the case is not timed.
        """
        with temporary.folder() as home:
            first = self._compared(case, self.workers, home / "outcome.pt")
            if any(fault.status == "timeout" for fault in first.faults.values()):
                return first.outcome, self._hanging(case, first, home)
            if len(first.faults) == 1:
                return first.outcome, self._failure(case, first, home)
            if self.required and first.outcome.differs:
                return first.outcome, self._difference(case, first, home)
            return first.outcome, None

    def _failure(self, case: Case, first: Compared, home: Path) -> Untimed | None:
        """What one side failed by is for the timed passes to decide, where none of them does all that failed here."""
        ((side, fault),) = first.faults.items()
        failure = Failure(side, fault, self._again(case, home)[0].faults)
        decides = self.required or not failure.repeats or (self._whole(case) and fault.status != "out_of_memory")
        return failure.verdict if decides else None

    def _whole(self, case: Case) -> bool:
        """Whether a timed pass does all that is compared here."""
        return any(name != "forward" for name in self.passes) and case == _plain(case)

    def _hanging(self, case: Case, first: Compared, home: Path) -> Untimed | None:
        """What hangs is waited for twice at most. The second time it is asked for what is timed, where that is less."""
        side = CANDIDATE if CANDIDATE in first.faults else BASELINE
        if self.required or self._whole(case):
            again: Mapping[str, CaseFault] = self._again(case, home)[0].faults
        else:
            again = self._timed_once(case)
            if not again:
                self.hung[case] = first.faults[side].reason
                return None
        return Failure(side, first.faults[side], again).verdict

    def _timed_once(self, case: Case) -> dict[str, CaseFault]:
        """Of each side that cannot do the timed passes by itself, in a fresh process, by what it fails."""
        processes = Processes(self.both.start, (), time.monotonic)
        try:
            return CaseBlocks(SUITE, self.limits, processes, time.monotonic).again(case, self.passes, index=0)
        finally:
            processes.end()

    def _difference(self, case: Case, first: Compared, home: Path) -> Untimed:
        """A module that differs from itself, in two processes of the baseline, tells nothing about the candidate."""
        if first.faults:
            return Untimed(FAILED, "; ".join(f"it {told(fault, side)}" for side, fault in first.faults.items()))
        second, itself = self._again(case, home)
        said = f"it is not equal: {first.outcome.said}"
        if not second.outcome.differs:
            return Untimed(FAILED, f"{said} (once, and equal in fresh processes)")
        own = next(map(told, itself.faults.values()), "")
        if own:
            return Untimed(FAILED, f"{said} (the baseline {own})")
        if itself.outcome.fails:
            return Untimed(FAILED, f"{said} (the baseline fails: {itself.outcome.fails})")
        if itself.outcome.differs:
            return Untimed(FAILED, f"{said} (the baseline is not equal to itself either: {itself.outcome.said})")
        return Untimed(BROKEN, f"{said} (again in fresh processes; the baseline equals itself)")

    def _again(self, case: Case, home: Path) -> tuple[Compared, Compared]:
        """Both sides in fresh processes; and an older process of the baseline against the fresh one."""
        path = home / "again.pt"
        workers = self.both.start()
        try:
            second = self._compared(case, workers, path)
        finally:
            end(*workers.values())
        if second.faults or not self.required:
            return second, Compared(Outcome())
        answer = self._asked(case, self.workers, BASELINE, path, compare=True)
        return second, Compared(Outcome(), {BASELINE: answer}) if isinstance(answer, CaseFault) else Compared(answer)

    def _compared(self, case: Case, workers: dict[str, ChildWorker], path: Path) -> Compared:
        faults, found = dict[str, CaseFault](), Outcome()
        for side in SIDES:
            answer = self._asked(case, workers, side, path, compare=side == CANDIDATE and not faults)
            if isinstance(answer, CaseFault):
                faults[side] = answer
            else:
                found = answer
        if not faults:
            return Compared(found)
        reasons = {side: fault.reason for side, fault in faults.items()}
        if len(faults) == len(SIDES) and reasons[BASELINE] == reasons[CANDIDATE]:
            return Compared(Outcome(fails=reasons[BASELINE]), faults)
        return Compared(Outcome("; ".join(f"{side}: {text}" for side, text in reasons.items())), faults)

    def _asked(
        self, case: Case, workers: dict[str, ChildWorker], side: str, path: Path, compare: bool
    ) -> Outcome | CaseFault:
        about = About.of(SUITE, _plain(case), self.limits.max_memory)
        worker = self.both.awake(workers, side)
        return attempt(partial(worker.ask, CompareOutcome(about, 0, str(path), compare), self.limits.timeout))


def _plain(case: Case) -> Case:
    """The case without what changes how it is called."""
    return dataclasses.replace(case, compile=False, cuda_graphs=False)  # type: ignore[call-arg]
