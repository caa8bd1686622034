"""Both versions as a test plays them: what each side's processes answer, and how often they were started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rnn_vs_attn.ab.versions import SIDES
from rnn_vs_attn.errors import CaseFault


@dataclass
class PlayedSide:
    """A process of one side; call: the number of its start."""

    sides: PlayedSides
    name: str
    call: int
    alive: bool = True

    def ask(self, request: Any, timeout: float) -> Any:
        assert self.alive, "a dead worker was asked"
        self.sides.asked.append((self.call, self.name, request))
        answer = self.sides.play(self.name, self.call, request)
        if not isinstance(answer, Exception):
            return answer
        if isinstance(answer, CaseFault) and answer.status in ("crashed", "timeout"):
            self.alive = False
        raise answer

    def close(self) -> None:
        self.alive = False


@dataclass
class PlayedSides:
    """Stands for `Sides`. play: from a side, the number of the start and a request to its answer, or what is raised."""

    play: Callable[[str, int, Any], Any]
    repository: None = None
    asked: list[tuple[int, str, Any]] = field(default_factory=list)
    started: list[dict[str, PlayedSide]] = field(default_factory=list)

    def start(self) -> dict[str, PlayedSide]:
        self.started.append({name: PlayedSide(self, name, len(self.started)) for name in SIDES})
        return self.started[-1]

    def awake(self, workers: dict[str, PlayedSide], name: str) -> PlayedSide:
        if not workers[name].alive:
            workers[name] = PlayedSide(self, name, workers[name].call)
        return workers[name]

    @property
    def running(self) -> int:
        """How many starts have left a process."""
        return sum(any(worker.alive for worker in workers.values()) for workers in self.started)
