"""The workers of one command: what starts them, and what starts another one where something has ended one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self, TypeVar

from rnn_vs_attn.errors import CaseFault, DoesNotStart, UserError
from rnn_vs_attn.machine import processors
from rnn_vs_attn.models.configured import IMPORTS, PREFIX
from rnn_vs_attn.worker.client import ChildWorker, Worker
from rnn_vs_attn.worker.protocol import Device, Request, ResolveDevice

Reply = TypeVar("Reply")
_ONE_QUESTION = 60.0  # seconds


def ask_once(request: Request[Reply], debug: bool) -> Reply:
    """The answer of a worker that is asked nothing else."""
    worker = ChildWorker(debug)
    try:
        return worker.ask(request, _ONE_QUESTION)
    finally:
        end(worker)


def end(*workers: Worker | None) -> None:
    """End those that still run."""
    for worker in workers:
        if worker is not None and worker.alive:
            worker.close()


def ready(worker: ChildWorker, another: Callable[[], ChildWorker]) -> ChildWorker:
    """The worker once it can be asked, or another one where something killed it while it started."""
    try:
        worker.wait_until_ready()
    except DoesNotStart:
        worker = another()
        worker.wait_until_ready()
    return worker


def devices(names: Iterable[str], dtypes: Sequence[str], ask: Callable[[Request[Device]], Device]) -> list[str]:
    """What names of devices stand for in a worker, each once. UserError where it lacks one, or a dtype on one."""
    found = [ask(ResolveDevice(name, dtype)).name for name in names for dtype in dtypes]
    return list(dict.fromkeys(found))


def started(start: Callable[[], Worker]) -> Worker:
    """A worker that `start` starts. CaseFault where none starts, twice."""
    try:
        return start()
    except DoesNotStart:
        try:
            return start()
        except DoesNotStart as error:
            raise CaseFault("crashed", f"{error}, twice") from None


class OneAtATime:
    """The worker in use, and a fresh one in its place."""

    def __init__(self, start: Callable[[], Worker]) -> None:
        self._start = start
        self._worker: Worker | None = None

    @property
    def alive(self) -> bool:
        return self._worker is not None and self._worker.alive

    def ask(self, request: Request[Reply], timeout: float) -> Reply:
        """The answer of the one in use, of which there must be one."""
        assert self._worker is not None
        return self._worker.ask(request, timeout)

    def renew(self) -> float:
        """Seconds that it took to start. CaseFault where none starts, twice."""
        self.end()
        self._worker = started(self._start)
        return self._worker.start_up

    def end(self) -> None:
        end(self._worker)
        self._worker = None


class Workers:
    """The processes of one command: one that is asked about the machine, and one for each round.

    The first two start together, so that torch is loaded for the first round while the other is asked. Where nothing
    is timed, all goes on in the one that was asked, and in as many beside it as work at once. start_up: seconds that
    each round waits for its own.
    """

    def __init__(
        self,
        timed: bool,
        debug: bool,
        threads: Sequence[int],
        models: Sequence[str] = (),
        at_once: int = 1,
        told: Mapping[str, str] | None = None,
    ) -> None:
        """told: variables that say where checkpoints are, or a text."""
        self.start_up = 0.0
        self._variables: Mapping[str, str] = processors.one_each(threads) | _imports(models) | dict(told or {})
        self._timed = timed
        self._debug = debug
        self._asked: ChildWorker | None = None
        self._at_once = at_once
        self._spares: list[ChildWorker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._asked, *self._spares)

    def asked(self) -> ChildWorker:
        """The one that is asked; another where a user's module has ended it."""
        if self._asked is None:
            self._asked = self._new(wait=False)
            self._spares = [self._new(wait=False) for _ in range(1 if self._timed else self._at_once - 1)]
            self._asked = ready(self._asked, self._new)
            self.start_up = self._asked.start_up if self._timed else 0.0
        elif not self._asked.alive:
            self._asked = self._new()
        return self._asked

    def ask_twice(self, request: Request[Reply], timeout: float) -> Reply:
        """The answer to what has nothing to do with a user's module: once more where something killed the process."""
        try:
            return self.asked().ask(request, timeout)
        except CaseFault as fault:
            if fault.status == "timeout":
                raise _not_asked(f"{fault.reason}; give a longer --timeout") from None
        try:
            return self.asked().ask(request, timeout)
        except CaseFault as fault:
            raise _not_asked(f"{fault.reason}, twice; --debug shows more") from None

    def next(self) -> ChildWorker:
        """One for a round, fresh where times are taken; for each of several at once, where more are asked for."""
        asked, self._asked = self._asked, None
        if not self._timed and asked is not None and asked.alive:
            return asked
        end(asked)
        if not self._spares:
            return self._new()
        spare = self._spares.pop()
        spare.wait_until_ready()
        return spare

    def _new(self, wait: bool = True) -> ChildWorker:
        return ChildWorker(self._debug, wait=wait, variables=self._variables)


def _imports(models: Iterable[str]) -> dict[str, str]:
    """What has workers load a library of these models while they start, as it takes longer than many a case."""
    return {IMPORTS: "1"} if any(name.startswith(PREFIX) for name in models) else {}


def _not_asked(reason: str) -> UserError:
    return UserError(f"this machine could not be asked what it is: {reason}")
