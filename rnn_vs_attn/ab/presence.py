"""Whether each model is there on both sides, and can be built and called: what settles its cases before any timing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from rnn_vs_attn.ab.failures import Failure, Untimed, faults_of, told
from rnn_vs_attn.ab.options import SUITE
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES, Presence, Sides, outside
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, MISSING, NEW
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import PairLimits
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.run import cases
from rnn_vs_attn.run.cases import AxisValues
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

    def untimed(self, found: dict[str, Presence]) -> dict[str, Untimed]:
        """Of every model that cannot be timed the verdict of its cases. UserError where one fits on neither side."""
        verdicts = {name: self._verdict(name, presence) for name, presence in found.items()}
        return {name: verdict for name, verdict in verdicts.items() if verdict is not None}

    def _verdict(self, name: str, presence: Presence) -> Untimed | None:
        if BASELINE in presence.reasons:
            fault = presence.broken.get(CANDIDATE)
            if fault is not None:
                return Untimed(FAILED, f"it {told(fault, CANDIDATE)} (it is not in the baseline)")
            return Untimed(NEW, f"it is not in the baseline: {presence.reasons[BASELINE]}")
        sides = [side for side in SIDES if side not in presence.broken and side not in presence.reasons]
        faults = presence.broken | self._faults(self.workers, name, sides)
        if CANDIDATE in presence.reasons:
            return _missing(presence.reasons[CANDIDATE], faults.get(BASELINE))
        if len(faults) == len(SIDES):
            if faults[CANDIDATE].status == "failed":
                raise UserError(f"model {name!r} cannot be measured: {faults[CANDIDATE].reason}")
            return None  # a crash or the like is recorded by its cases
        for side, fault in faults.items():
            return Failure(side, fault, self._again(name)).verdict
        return None

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
        for case in cases.least_cases(SUITE, self.axes, model=[name]):
            request = Check(About.of(SUITE, case, self.limits.max_memory))
            self.both.awake(workers, side).ask(request, self.limits.timeout)


def _missing(reason: str, fault: CaseFault | None) -> Untimed:
    """What the candidate has not and the baseline has."""
    said = f"it is missing in the candidate: {reason}"
    if fault is not None:
        return Untimed(MISSING, f"{said} (the baseline {told(fault)})")
    return Untimed(BROKEN, f"{said} (the baseline works)")
