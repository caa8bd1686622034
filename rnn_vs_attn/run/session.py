"""The processes of one command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.machine import processors
from rnn_vs_attn.run.schedule import Costs, Look, Schedule
from rnn_vs_attn.suites.suite import Case, Suite


class _Workers:
    """The processes of one command: one that is asked about the machine, and one for each round.

    The first two start together, so that torch is loaded for the first round while the other is asked. Where nothing
    is timed, all goes on in the one that was asked.
    """

    def __init__(self, suite: Suite, debug: bool, threads: Sequence[int]) -> None:
        self.start_up = 0.0
        self._variables = processors.one_each(threads)
        self._timed = suite.timed
        self._debug = debug
        self._asked: Any = None
        self._spare: Any = None

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (self._asked, self._spare):
            if worker is not None and worker.alive:
                worker.close()

    def asked(self) -> Any:
        """The one that is asked; another where a user's module has ended it."""
        if self._asked is None:
            self._asked = self._new(wait=False)
            if self._timed:
                self._spare = self._new(wait=False)
            try:
                self._asked.wait_until_ready()
            except DoesNotStart:  # once more: something may have killed it
                self._asked = self._new()
            self.start_up = self._asked.start_up
        elif not self._asked.alive:
            self._asked = self._new()
        return self._asked

    def ask_twice(self, do: str, limits: Limits, **fields: Any) -> dict[str, Any]:
        """The answer to what has nothing to do with a user's module: once more where something killed the process."""
        answer: dict[str, Any]
        try:
            answer = self.asked().ask(do, limits.timeout, **fields)
            return answer
        except CaseFault as fault:
            if fault.status == "timeout":
                raise _not_asked(f"{fault.reason}; give a longer --timeout") from None
        try:
            answer = self.asked().ask(do, limits.timeout, **fields)
            return answer
        except CaseFault as fault:
            raise _not_asked(f"{fault.reason}, twice; --debug shows more") from None

    def _new(self, wait: bool = True) -> Any:
        from rnn_vs_attn.worker.client import ChildWorker

        return ChildWorker(self._debug, wait=wait, variables=self._variables)

    def next(self) -> Any:
        """One for a round, fresh where times are taken."""
        asked, spare = self._asked, self._spare
        self._asked = self._spare = None
        if not self._timed and asked is not None and asked.alive:
            return asked
        if asked is not None and asked.alive:
            asked.close()
        if spare is None:
            return self._new()
        spare.wait_until_ready()
        return spare

    def schedule(self, looked: Mapping[Case, Look], limits: Limits, begun: float) -> Schedule:
        """The time of a run of which nothing is measured yet."""
        costs = Costs({case: look.cost for case, look in looked.items()})
        start_up = self.start_up if self._timed else 0.0
        return Schedule(costs, limits.wanted_rounds, begun, limits.max_seconds, start_up)


def _not_asked(reason: str) -> UserError:
    return UserError(f"this machine could not be asked what it is: {reason}")
