"""What fails is tried once more in fresh processes, each side by itself: only what fails alike again is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED
from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.records.folder import StorageError

Reply = TypeVar("Reply")
_HOW = {"timeout": "times out", "crashed": "crashes", "out_of_memory": "runs out of memory"}


@dataclass(frozen=True)
class Untimed:
    """Verdict and reason of a case that is not timed."""

    verdict: str
    reason: str


@dataclass(frozen=True)
class Failure:
    """By what one side failed, and by what both did once more; again: of each side that failed then; index: of the pair
    in which it failed, where it was one.
    """

    side: str
    fault: CaseFault
    again: Mapping[str, CaseFault]
    index: int = 0

    @property
    def repeats(self) -> bool:
        """Whether the side failed alike both times."""
        return self.side in self.again and self.again[self.side].status == self.fault.status

    @property
    def verdict(self) -> Untimed:
        broken = self.side == CANDIDATE and self.repeats and BASELINE not in self.again
        return Untimed(BROKEN if broken else FAILED, f"it {told(self.fault, self.side)} ({self._once_more()})")

    def _once_more(self) -> str:
        other = BASELINE if self.side == CANDIDATE else CANDIDATE
        if self.repeats:
            own = "again in fresh processes"
        elif self.side in self.again:
            own = f"in fresh processes it {told(self.again[self.side])}"
        else:
            own = "once, and not again in fresh processes"
        theirs = f"the {other} {told(self.again[other])}" if other in self.again else f"the {other} works"
        return f"{own}; {theirs}"


def told(fault: CaseFault, side: str = "", where: str = "") -> str:
    """A fault in words: `fails in the candidate: ValueError`. where: in place of the side, such as ` at 8 tokens`."""
    where = f" in the {side}" if side else where
    return f"{_HOW.get(fault.status, 'fails')}{where}: {fault.reason}"


def attempt(ask: Callable[[], Reply]) -> Reply | CaseFault:
    """What a call returns, or by what it fails. UserError where that has nothing to do with the model."""
    try:
        return ask()
    except CaseFault as fault:
        return fault
    except (DoesNotStart, StorageError):
        raise
    except UserError as error:
        return CaseFault("failed", str(error))


def faults_of(asks: Mapping[str, Callable[[], object]]) -> dict[str, CaseFault]:
    """Of each side whose call fails, by what."""
    found = {side: attempt(ask) for side, ask in asks.items()}
    return {side: answer for side, answer in found.items() if isinstance(answer, CaseFault)}
