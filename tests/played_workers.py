"""Workers that are asked at the same time: they answer through pipes, when and what a test says."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

from fakes import KILLS_ITS_WORKER

from rnn_vs_attn.errors import CaseFault


class PlayedWorker:
    """Tells `play` what it was asked; that lets it answer, now or later, or never."""

    start_up = 0.0

    def __init__(self, play: Callable[[PlayedWorker, Any], None]) -> None:
        self.alive = True
        self._play = play
        self._reads, self._writes = os.pipe()
        self._reply: Any = None

    def fileno(self) -> int:
        return self._reads

    def begin(self, request: Any) -> None:
        assert self.alive, "a dead worker was asked"
        self._play(self, request)

    def reply(self, reply: Any) -> None:
        """Answer, or raise where it is an exception."""
        self._reply = reply
        os.write(self._writes, b".")

    def answer(self, request: Any, timeout: float) -> Any:
        if not select.select([self], [], [], 0)[0]:
            self.close()
            raise CaseFault("timeout", f"no answer within {timeout} s")
        os.read(self._reads, 1)
        if not isinstance(self._reply, Exception):
            return self._reply
        if isinstance(self._reply, CaseFault) and self._reply.status in KILLS_ITS_WORKER:
            self.close()
        raise self._reply

    def ask(self, request: Any, timeout: float) -> Any:
        raise AssertionError("those that work at the same time are not waited for")

    def pin(self, cores: Set[int]) -> None:
        raise AssertionError("a training keeps no worker on a processor")

    def close(self) -> None:
        assert self.alive, "ended twice"
        self.alive = False
        os.close(self._reads)
        os.close(self._writes)


@dataclass
class PlayedMachine:
    """Starts such workers. asked: the worker's number and the request, in order."""

    play: Callable[[PlayedWorker, Any], None]
    workers: list[PlayedWorker] = field(default_factory=list)
    asked: list[tuple[int, Any]] = field(default_factory=list)

    def start(self) -> PlayedWorker:
        number = len(self.workers)

        def play(worker: PlayedWorker, request: Any) -> None:
            self.asked.append((number, request))
            self.play(worker, request)

        self.workers.append(PlayedWorker(play))
        return self.workers[-1]
