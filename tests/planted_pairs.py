"""Pairs of versions on a machine of known speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fakes import FAKE, FakeCase, FakeClock, fake_cases, unfinished_run

from rnn_vs_attn.ab import decide
from rnn_vs_attn.ab.restoring import restore
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import PairLimits, Plan
from rnn_vs_attn.records.folder import RunFolder, read_samples
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.worker.protocol import (
    MakeReady,
    Prepare,
    ReadMachinePeaks,
    Release,
    Request,
    Samples,
    TimeBlock,
    Warnings,
)

CALL = 0.002
Seconds = Callable[[str, str, str, int], float]
Reply = TypeVar("Reply")
Asked = TypeVar("Asked", bound=Request[Any])


def equal(side: str, model: str, name: str, pair: int) -> float:
    """A little noise that both sides share, and a little that they do not."""
    return CALL * (1 + 0.01 * (pair % 3) + (0.001 * ((pair * 7) % 5 - 2) if side == CANDIDATE else 0.0))


def slower(model: str, factor: float) -> Seconds:
    def seconds(side: str, of: str, name: str, pair: int) -> float:
        return equal(side, of, name, pair) * (factor if side == CANDIDATE and of == model else 1.0)

    return seconds


@dataclass
class Laboratory:
    """Two sides whose calls take what `seconds` says, and whose requests may fail by `trouble`."""

    path: Path
    seconds: Seconds = equal
    trouble: Callable[[str, type[Request[Any]], str], BaseException | None] = lambda side, kind, model: None
    peak: Callable[[str, int], float] = lambda side, pair: 1e11
    clock_mhz: Callable[[str], float | None] = lambda side: None
    lag: Callable[[str, str], float | None] = lambda side, name: None
    warnings: Callable[[str], list[str]] = lambda side: []
    seen: Callable[[str], list[str]] = lambda side: []
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[tuple[int, str, Request[Any], str]] = field(default_factory=list)
    workers: list[FakeSide] = field(default_factory=list)
    pinned: list[set[int]] = field(default_factory=list)

    def start(self) -> dict[str, FakeSide]:
        assert not any(worker.alive for worker in self.workers), "processes of an earlier pair are still there"
        self.clock.now += 1.0
        started = {side: FakeSide(self, side, len(self.workers) // 2) for side in SIDES}
        self.workers += started.values()
        return started

    def pairs(
        self, *models: str, cases: list[FakeCase] | None = None, cores: tuple[int, ...] = (), **limits: Any
    ) -> Pairs:
        folder = RunFolder.create(self.path)
        folder.write_run(unfinished_run())
        return self._pairs(folder, cases or fake_cases(*models), PairLimits(**limits), cores)

    def goes_on(self, *models: str, **limits: Any) -> Pairs:
        """The pairs of the run in this folder, as a call finds them that goes on with it."""
        pairs = self._pairs(RunFolder.reopen(self.path), fake_cases(*models), PairLimits(**limits), ())
        restore(pairs, read_samples(self.path))
        return pairs

    def _pairs(self, folder: RunFolder, cases: Sequence[FakeCase], limits: PairLimits, cores: tuple[int, ...]) -> Pairs:
        return Pairs(
            suite=FAKE,
            cases=cases,
            passes=FAKE.rounds.passes,
            limits=limits,
            folder=folder,
            start_workers=self.start,
            cores=cores,
            clock=self.clock,
        )

    def judged(self, *models: str, gated: bool = True, **rest: Any) -> dict[str, verdicts.Comparison]:
        """The verdict of each model's forward pass."""
        pairs = self.pairs(*models, **rest)
        pairs.run()
        pairs.folder.close()
        return {str(c.axes["model"]): c for c in decide.judge(pairs, gated) if c.metric == "forward_time"}

    def requests(self, kind: type[Asked]) -> list[tuple[int, str, Asked]]:
        """Of one kind, with the pair and the side that they were asked of."""
        return [(pair, side, request) for pair, side, request, _ in self.asked if isinstance(request, kind)]

    def prepared(self) -> list[tuple[int, str]]:
        """Pairs and models of all cases that were prepared."""
        return [(pair, model) for pair, _, request, model in self.asked if isinstance(request, Prepare)]


class FakeSide:
    """A worker of one side in one pair."""

    start_up = 1.0

    def __init__(self, laboratory: Laboratory, side: str, pair: int) -> None:
        self.alive = True
        self._laboratory, self._side, self._pair = laboratory, side, pair
        self._case: dict[str, Any] = {}
        self._seed = 0

    def pin(self, cores: set[int]) -> None:
        self._laboratory.pinned.append(cores)

    def close(self) -> None:
        self.alive = False

    def ask(self, request: Request[Reply], timeout: float) -> Reply:
        assert self.alive, "a dead worker was asked"
        lab = self._laboratory
        if isinstance(request, Prepare):
            self._case, self._seed = request.about.axes, request.seed
        model = str(self._case.get("model"))
        lab.asked.append((self._pair, self._side, request, model))
        trouble = lab.trouble(self._side, type(request), model)
        if trouble is not None:
            self.alive = not (isinstance(trouble, CaseFault) and trouble.status == "crashed")
            raise trouble
        answers: dict[type[Request[Any]], Callable[[Any], Any]] = {
            ReadMachinePeaks: self._peak,
            Prepare: lambda request: Warnings(()),
            MakeReady: self._ready,
            TimeBlock: self._block,
            Release: lambda request: Warnings(tuple(lab.warnings(self._side))),
        }
        answer: Reply = answers[type(request)](request)
        return answer

    def _peak(self, request: ReadMachinePeaks) -> Samples:
        value = self._laboratory.peak(self._side, self._pair)
        return Samples((Sample("peak_flops", value), Sample("product_flops", value, {"by": "mm"})))

    def _ready(self, request: MakeReady) -> Ready:
        self._laboratory.clock.now += 0.1
        plan = request.plan or Plan(30 if self._side == BASELINE else 50, 5)
        care = Care(in_place=self._side == CANDIDATE)
        return Ready(plan, 0.1, care=care, warnings=tuple(self._laboratory.seen(self._side)))

    def _block(self, request: TimeBlock) -> Block:
        seconds = self._laboratory.seconds(self._side, self._case["model"], request.name, self._seed)
        self._laboratory.clock.now += seconds * request.loops
        lag = self._laboratory.lag(self._side, request.name)
        return Block(seconds, wall=seconds, clock_mhz=self._laboratory.clock_mhz(self._side), lag=lag)
