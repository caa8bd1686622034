"""Whether each model is there on both sides, and can be built and called: what settles its cases before any timing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from rnn_vs_attn.ab.failures import Failure, Untimed, faults_of, told
from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.proof import Presence, outside
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES, Sides
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, MISSING, NEW
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import PairLimits
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.pool import end
from rnn_vs_attn.worker.protocol import About, Check, FindOrigin


@dataclass(frozen=True)
class Models:
    """The models of one call on both sides, asked in processes that have no other work. axes: with their devices."""

    both: Sides
    workers: dict[str, ChildWorker]
    axes: AxisValues
    limits: PairLimits

    def untimed(self, found: dict[str, Presence]) -> dict[Case, Untimed]:
        """Of every case that cannot be timed its verdict: all of a model that one side has not or cannot import, and
        of others the one that was called. UserError where a model fits on neither side.
        """
        verdicts: dict[Case, Untimed] = {}
        for name, presence in found.items():
            verdict, meant = self._verdict(name, presence)
            if verdict is not None:
                verdicts |= dict.fromkeys(meant, verdict)
        return verdicts

    def _verdict(self, name: str, presence: Presence) -> tuple[Untimed | None, Sequence[Case]]:
        """And the cases of which it is true."""
        every, called = cases.cases_of(SUITE, self.axes | {"model": [name]}), self._least(name)
        if BASELINE in presence.reasons:
            fault = presence.broken.get(CANDIDATE)
            if fault is not None:
                return Untimed(FAILED, f"it {told(fault, CANDIDATE)} (it is not in the baseline)"), every
            return Untimed(NEW, f"it is not in the baseline: {presence.reasons[BASELINE]}"), every
        sides = [side for side in SIDES if side not in presence.broken and side not in presence.reasons]
        faults = presence.broken | self._faults(self.workers, name, sides)
        if CANDIDATE in presence.reasons:
            where = "" if BASELINE in presence.broken else f" at {called[0].seq_len} tokens"
            return _missing(presence.reasons[CANDIDATE], faults.get(BASELINE), where), every
        if len(faults) == len(SIDES) and faults[CANDIDATE].status == "failed":
            where = "" if CANDIDATE in presence.broken else f" at {called[0].seq_len} tokens"
            raise UserError(f"model {name!r} cannot be measured{where}: {faults[CANDIDATE].reason}")
        if not faults or (len(faults) == len(SIDES) and faults[CANDIDATE].status != "timeout"):
            return None, ()  # a crash or the like is recorded by its cases
        side = CANDIDATE if CANDIDATE in faults else BASELINE
        return Failure(side, faults[side], self._again(name)).verdict, every if presence.broken else called

    def _least(self, name: str) -> list[Case]:
        """The case that a model is called with, the shortest one; other lengths are tried by themselves."""
        return cases.least_cases(SUITE, self.axes, model=[name])

    def _again(self, name: str) -> dict[str, CaseFault]:
        workers = self.both.start()
        try:
            return self._faults(workers, name, SIDES)
        finally:
            end(*workers.values())

    def _faults(self, workers: dict[str, ChildWorker], name: str, sides: Iterable[str]) -> dict[str, CaseFault]:
        """What keeps sides from importing, building and calling a model at its least shape."""
        return faults_of({side: partial(self._call, workers, name, side) for side in sides})

    def _call(self, workers: dict[str, ChildWorker], name: str, side: str) -> None:
        self.both.awake(workers, side).ask(FindOrigin(name, outside(self.both)), self.limits.timeout)
        if find(name).family != USER:
            return
        for case in self._least(name):
            request = Check(About.of(SUITE, case, self.limits.max_memory))
            self.both.awake(workers, side).ask(request, self.limits.timeout)


def _missing(reason: str, fault: CaseFault | None, where: str) -> Untimed:
    """What the candidate has not and the baseline has. where: at which length that was called."""
    said = f"it is missing in the candidate: {reason}"
    if fault is not None:
        return Untimed(MISSING, f"{said} (the baseline {told(fault, where=where)})")
    return Untimed(BROKEN, f"{said} (the baseline works{where})")
