"""Several workers that are asked at the same time, each about one thing after the other.

A conversation is a generator: it yields a request and is sent the reply, or thrown the fault that came in its place.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.worker import pool
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.protocol import Request

Conversation = Generator[Request[Any], Any, None]
_LEAST = 0.001  # seconds that any answer is waited for


@dataclass(eq=False)
class _Lane:
    """A worker, what is talked about with it, the request under way and when its answer is given up."""

    worker: Worker | None = None
    about: Conversation | None = None
    request: Request[Any] | None = None
    until: float = 0.0

    def fileno(self) -> int:
        assert self.worker is not None
        return self.worker.fileno()


@dataclass
class Lanes:
    """So many workers that `start` starts. timeout: seconds that an answer may take."""

    start: Callable[[], Worker]
    number: int
    timeout: float
    clock: Callable[[], float] = time.monotonic
    _lanes: list[_Lane] = field(default_factory=list)

    def through(self, conversations: Iterable[Conversation]) -> None:
        """Hold them all, so many at a time, in their order. An exception that a conversation raises ends all of them,
        in the middle of a request.
        """
        waiting = iter(conversations)
        try:
            while True:
                for lane in self._idle(waiting):
                    self._go_on(lane, None)
                busy = [lane for lane in self._lanes if lane.about is not None]
                if not busy:
                    return
                for lane in self._answered(busy):
                    self._take(lane)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End the workers, whatever they do."""
        for lane in self._lanes:
            pool.end(lane.worker)
        self._lanes.clear()

    def _idle(self, waiting: Iterator[Conversation]) -> Iterator[_Lane]:
        """Lanes with a new conversation, as long as there are any."""
        while len(self._lanes) < self.number:
            self._lanes.append(_Lane())
        for lane in self._lanes:
            while lane.about is None:
                about = next(waiting, None)
                if about is None:
                    return
                lane.about = about
                yield lane

    def _answered(self, busy: list[_Lane]) -> list[_Lane]:
        """Those that have an answer, or whose time is up."""
        wait = max(_LEAST, min(lane.until for lane in busy) - self.clock())
        found: list[_Lane] = select.select(busy, [], [], wait)[0]
        return found or [lane for lane in busy if lane.until <= self.clock()]

    def _take(self, lane: _Lane) -> None:
        """Give a conversation its answer, or what came in its place."""
        assert lane.worker is not None
        assert lane.request is not None
        try:
            reply = lane.worker.answer(lane.request, max(_LEAST, lane.until - self.clock()))
        except (CaseFault, UserError) as fault:
            self._go_on(lane, None, fault)
        else:
            self._go_on(lane, reply)

    def _go_on(self, lane: _Lane, reply: Any, fault: Exception | None = None) -> None:
        """Let a conversation ask on; what cannot be asked is a fault of its own."""
        while lane.about is not None:
            try:
                lane.request = lane.about.send(reply) if fault is None else lane.about.throw(fault)
            except StopIteration:
                lane.about = lane.request = None
                return
            try:
                self._ask(lane, lane.request)
                return
            except CaseFault as error:
                reply, fault = None, error

    def _ask(self, lane: _Lane, request: Request[Any]) -> None:
        if lane.worker is None or not lane.worker.alive:
            lane.worker = pool.started(self.start)
        lane.worker.begin(request)
        lane.until = self.clock() + self.timeout
