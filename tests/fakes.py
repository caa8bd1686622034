"""What several test files share: a suite, a clock and workers that measure nothing, and records made by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import settings

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Plan
from rnn_vs_attn.records.build import build_record
from rnn_vs_attn.records.timing import Block, Care, Ready
from rnn_vs_attn.records.types import AxisValue, Metric, Record, Run, Sample, SampleLine
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.blocks import timed_samples
from rnn_vs_attn.suites.case import Case, axes_of, option
from rnn_vs_attn.suites.metrics import BACKWARD_TIME, FORWARD_TIME, MACHINE_PEAKS, PEAK_MEMORY, TRAIN_TIME
from rnn_vs_attn.suites.suite import CaseAxes, Measured, Rounds, Suite, rows
from rnn_vs_attn.worker.protocol import (
    MakeReady,
    Measure,
    Prepare,
    ReadMachinePeaks,
    Release,
    Request,
    Samples,
    TimeBlock,
    Warnings,
)

unhurried = settings(deadline=None, max_examples=60)  # a busy machine is no failure

CALL = 0.002  # seconds of a call that nothing else is said of
WARM_UP = 0.25
BLOCKS = 3
KILLS_ITS_WORKER = ("crashed", "timeout")
TIME = Metric("train_time", "s")
LINE = SampleLine("bench", {"model": "lstm", "seq_len": 64}, "train_time", 0, 0.5)
Reply = TypeVar("Reply")


@dataclass(frozen=True)
class FakeCase(Case):
    """A case with an axis of its own."""

    variant: str = option("plain", "Which of two.", choices=("plain", "odd"))


FAKE = Suite(
    name="fake",
    help="Measures nothing.",
    axes=CaseAxes(FakeCase, machine=("device", "dtype", "threads")),
    metrics=(
        Measured(FORWARD_TIME, owed=True, precise=True),
        *rows(BACKWARD_TIME),
        Measured(TRAIN_TIME, owed=True, precise=True),
        Measured(PEAK_MEMORY, owed=True),
        *rows(*MACHINE_PEAKS),
    ),
    rounds=Rounds(passes=("forward", "train"), timed_samples=timed_samples),
)


def fake_cases(*models: str) -> list[FakeCase]:
    return [FakeCase(model=model, device="cpu", threads=1) for model in models]


def unfinished_run(suite: Suite = FAKE, **changes: Any) -> Run:
    """What stands in `run.json` while a run goes on."""
    head = Run(
        suite=suite.name,
        command=["rnn-vs-attn", suite.name],
        settings={"axes": {}},
        environment={"cpu": "abacus"},
        started="2026-01-02T03:04:05+00:00",
        finished=None,
        status="interrupted",
    )
    return dataclasses.replace(head, **changes)


class FakeClock:
    """Stands still until somebody spends seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Asked:
    """What the runner asked of a worker. case: the one it was about; round: the seed that it was prepared with."""

    worker: int
    request: Request[Any]
    timeout: float
    case: dict[str, Any] | None
    round: int | None

    @property
    def kind(self) -> type[Request[Any]]:
        return type(self.request)

    @property
    def model(self) -> str | None:
        return self.case["model"] if self.case else None

    @property
    def name(self) -> str | None:
        """The pass that it is about."""
        return getattr(self.request, "name", None)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.kind.__name__, self.name]))


@dataclass
class FakeMachine:
    """Starts workers whose calls take what `seconds` says, and raises what `trouble` returns for a request."""

    clock: FakeClock = field(default_factory=FakeClock)
    seconds: Callable[[str, str, int], float] = lambda model, name, number: CALL
    trouble: Callable[[Asked], BaseException | None] = lambda request: None
    peak: Callable[[int], float] = lambda reading: 1e11  # FLOP/s, by how many readings there were before
    num_blocks: int = BLOCKS
    cares: Mapping[str, Care] = field(default_factory=dict)  # by pass
    warnings: list[str] = field(default_factory=list)
    workers: list[FakeWorker] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)

    def start(self) -> FakeWorker:
        assert not any(worker.alive for worker in self.workers), "two workers at once disturb each other"
        self.clock.now += FakeWorker.start_up
        self.workers.append(FakeWorker(self, len(self.workers)))
        return self.workers[-1]

    def asked(self, kind: type[Request[Any]], **wanted: Any) -> list[Asked]:
        """Requests of one kind whose attributes are as given."""
        found = [request for request in self.requests if request.kind is kind]
        return [r for r in found if all(getattr(r, name) == value for name, value in wanted.items())]

    def models(self, kind: type[Request[Any]], **wanted: Any) -> list[str]:
        """The models that requests of one kind were about, in order."""
        return [request.model for request in self.asked(kind, **wanted) if request.model is not None]


class FakeWorker:
    """Answers as `rnn_vs_attn.worker.answers` does; its plans tell which worker made them."""

    start_up = 0.5

    def __init__(self, machine: FakeMachine, number: int) -> None:
        self.alive = True
        self._machine = machine
        self._number = number
        self._case: dict[str, Any] | None = None
        self._round: int | None = None

    def ask(self, request: Request[Reply], timeout: float) -> Reply:
        assert self.alive, "a dead worker was asked"
        if isinstance(request, Prepare | Measure):
            self._case = request.about.axes
            self._round = request.seed if isinstance(request, Prepare) else request.turn.seed
        about = self._case if not isinstance(request, ReadMachinePeaks) else None
        asked = Asked(self._number, request, timeout, about, self._round)
        self._machine.requests.append(asked)
        trouble = self._machine.trouble(asked)
        if trouble is not None:
            self.alive = not (isinstance(trouble, CaseFault) and trouble.status in KILLS_ITS_WORKER)
            raise trouble
        answers: dict[type[Request[Any]], Callable[[Any], Any]] = {
            ReadMachinePeaks: self._peak,
            Prepare: lambda request: Warnings(tuple(self._machine.warnings)),
            MakeReady: self._ready,
            TimeBlock: self._block,
            Release: lambda request: Warnings(()),
            Measure: self._measure,
        }
        answer: Reply = answers[type(request)](request)
        return answer

    def begin(self, request: Request[Any]) -> None:
        raise AssertionError("what is timed is asked alone")

    def answer(self, request: Request[Reply], timeout: float) -> Reply:
        raise AssertionError("what is timed is asked alone")

    def fileno(self) -> int:
        raise AssertionError("what is timed is asked alone")

    def pin(self, cores: Set[int]) -> None:
        raise AssertionError("a run keeps no worker on a processor")

    def close(self) -> None:
        self.alive = False

    def _peak(self, request: ReadMachinePeaks) -> Samples:
        value = self._machine.peak(len(self._machine.asked(ReadMachinePeaks)) - 1)
        return Samples(tuple(Sample(name, value) for name in ("peak_flops", "python_loop_time")))

    def _ready(self, request: MakeReady) -> Ready:
        self._machine.clock.now += WARM_UP
        plan = request.plan or Plan(40 + self._number, self._machine.num_blocks)
        return Ready(plan, WARM_UP, settled=True, care=self._machine.cares.get(request.name, Care()))

    def _block(self, request: TimeBlock) -> Block:
        assert self._case is not None
        assert self._round is not None
        seconds = self._machine.seconds(self._case["model"], request.name, self._round)
        wall = seconds * request.loops
        self._machine.clock.now += wall
        return Block(seconds, backward=seconds / 2, wall=wall)

    def _measure(self, request: Measure) -> Samples:
        self._machine.clock.now += 1.0
        return Samples(tuple(Sample("peak_memory", 2048.0, {"pass": name}) for name in ("forward", "train")))


def fault(
    status: str, reason: str, kind: type[Request[Any]], model: str, number: int | None = None, name: str | None = None
) -> Callable[[Asked], BaseException | None]:
    """A `trouble`: one model's requests of one kind fail, in one round and one pass only where these are given."""

    def trouble(request: Asked) -> BaseException | None:
        hit = request.kind is kind and request.model == model
        hit = hit and number in (None, request.round) and name in (None, request.name)
        return CaseFault(status, reason) if hit else None

    return trouble


def bench_record(
    name: str,
    model: str,
    seq_len: int,
    values: Sequence[float | None],
    added: Mapping[str, AxisValue] | None = None,
    **case: Any,
) -> Record:
    """A record of `bench` with one value a round."""
    fields = {"device": "cpu", "threads": 2} | case
    axes = axes_of(BenchCase(model=model, seq_len=seq_len, **fields)) | dict(added or {})
    return of_rounds(BENCH.metric(name, axes), axes, dict(enumerate(values)))


def of_rounds(metric: Metric, axes: Mapping[str, AxisValue], values: Mapping[int, float | None]) -> Record:
    """A record of the rounds given."""
    lines = [SampleLine("bench", dict(axes), metric.name, number, value) for number, value in values.items()]
    return build_record(metric, lines)


def record(
    metric: str, median: float | None, low: float | None = None, high: float | None = None, **rest: Any
) -> Record:
    """A record by hand; what is not a field of a record is an axis."""
    names = {f.name for f in dataclasses.fields(Record)}
    axes = {name: value for name, value in rest.items() if name not in names}
    fields = {name: value for name, value in rest.items() if name in names}
    samples = [] if median is None else [median]
    plain: dict[str, Any] = {"unit": "s", "better": "lower", "exact": False, "status": "ok", "samples": samples}
    return Record(suite="fake", axes=axes, metric=metric, median=median, low=low, high=high, **(plain | fields))
