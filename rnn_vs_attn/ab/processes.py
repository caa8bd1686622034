"""A fresh process of each side for every pair, and what is asked of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Deadline
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.pool import end
from rnn_vs_attn.worker.protocol import Request

Reply = TypeVar("Reply")


class Fault(Exception):
    """A fault of one side that costs this case."""

    def __init__(self, side: str, fault: CaseFault) -> None:
        super().__init__(fault.reason)
        self.side = side
        self.fault = fault


class Processes:
    """Those of one pair at a time. cores: processors to keep pairs on, () where they cannot be chosen."""

    def __init__(
        self, start: Callable[[], Mapping[str, Worker]], cores: Sequence[int], clock: Callable[[], float]
    ) -> None:
        self._start, self._cores, self._clock = start, cores, clock
        self._workers: Mapping[str, Worker] = {}

    def start(self, index: int, cores: int) -> None:
        """Both sides' processes on the same `cores` processors, other ones in the next pair.

        They take turns, so they do not disturb each other there; but one processor can be up to half as fast as its
        neighbour for as long as somebody else is busy beside it, which would look like a difference of the code.
        """
        self.end()
        self._workers = self._start()
        if cores < len(self._cores):
            chosen = {self._cores[(index * cores + i) % len(self._cores)] for i in range(cores)}
            for worker in self._workers.values():
                worker.pin(chosen)

    def end(self) -> None:
        end(*self._workers.values())
        self._workers = {}

    def alive(self, side: str) -> bool:
        return self._workers[side].alive

    def ask(self, side: str, request: Request[Reply], until: Deadline) -> Reply:
        """The answer of one side. Fault where it has none for this case."""
        worker = self._workers[side]
        try:
            return worker.ask(request, until.left(self._clock))
        except CaseFault as fault:
            raise Fault(side, until.told(fault)) from None
        except UserError as error:
            if not worker.alive:
                raise
            raise Fault(side, CaseFault("failed", str(error))) from None


def cores_of(case: Case) -> int:
    """How many processors a case's process computes on: where a GPU does the work, autograd calls its kernels from a
    thread of its own, beside the one that waits for it.
    """
    return case.threads if case.device == "cpu" else max(2, case.threads)


def both_from(start: str) -> list[str]:
    """Both sides, beginning with that one."""
    return [BASELINE, CANDIDATE] if start == BASELINE else [CANDIDATE, BASELINE]
