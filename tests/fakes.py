"""What several test files share: a suite, a clock and workers that measure nothing, and records made by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.records.build import build_record
from rnn_vs_attn.records.types import AxisValue, Metric, Record, Run, Sample, SampleLine
from rnn_vs_attn.suites.bench import suite as bench
from rnn_vs_attn.suites.bench.suite import BENCH, BenchCase
from rnn_vs_attn.suites.suite import ANCHORS, Case, Suite, axes_of, option

unhurried = settings(deadline=None, max_examples=60)  # a busy machine is no failure

CALL = 0.002  # seconds of a call that nothing else is said of
WARM_UP = 0.25
BLOCKS = 3
KILLS_ITS_WORKER = ("crashed", "timeout")


@dataclass(frozen=True)
class FakeCase(Case):
    """A case with an axis of its own."""

    variant: str = option("plain", "Which of two.", choices=("plain", "odd"))


def _not_measured_here(case: Any, seed: int) -> Iterator[Sample]:
    raise AssertionError("the parent measures nothing itself")


FAKE = Suite(
    name="fake",
    help="Measures nothing.",
    case=FakeCase,
    metrics=(*bench.TIMES, bench.PEAK_MEMORY, *ANCHORS),
    per_case=("forward_time", "train_time", "peak_memory"),
    precise=("forward_time", "train_time"),
    measure=_not_measured_here,
    passes=("forward", "train"),
    timed_samples=bench.timed_samples,
    anchor_axes=("device", "dtype", "threads"),
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
class Request:
    """What the runner asked of a worker. case: the one it was about; round: the seed that it was prepared with."""

    worker: int
    do: str
    timeout: float
    case: dict[str, Any] | None
    round: int | None
    fields: dict[str, Any]

    @property
    def model(self) -> str | None:
        return self.case["model"] if self.case else None

    def __str__(self) -> str:
        return " ".join([self.do, *([self.fields["name"]] if "name" in self.fields else [])])


@dataclass
class FakeMachine:
    """Starts workers whose calls take what `seconds` says, and raises what `trouble` returns for a request."""

    clock: FakeClock = field(default_factory=FakeClock)
    seconds: Callable[[str, str, int], float] = lambda model, name, number: CALL
    trouble: Callable[[Request], BaseException | None] = lambda request: None
    peak: Callable[[int], float] = lambda reading: 1e11  # FLOP/s, by how many readings there were before
    num_blocks: int = BLOCKS
    cares: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # by pass
    warnings: list[str] = field(default_factory=list)
    workers: list[FakeWorker] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def start(self) -> FakeWorker:
        assert not any(worker.alive for worker in self.workers), "two workers at once disturb each other"
        self.clock.now += FakeWorker.start_up
        self.workers.append(FakeWorker(self, len(self.workers)))
        return self.workers[-1]

    def asked(self, do: str, **wanted: Any) -> list[Request]:
        """Requests of one kind whose attributes are as given."""
        found = [request for request in self.requests if request.do == do]
        return [r for r in found if all(getattr(r, name) == value for name, value in wanted.items())]

    def models(self, do: str, **wanted: Any) -> list[str]:
        """The models that requests of one kind were about, in order."""
        return [request.model for request in self.asked(do, **wanted) if request.model is not None]


class FakeWorker:
    """Answers as `rnn_vs_attn.worker.server` does; its plans tell which worker made them."""

    start_up = 0.5

    def __init__(self, machine: FakeMachine, number: int) -> None:
        self.alive = True
        self._machine = machine
        self._number = number
        self._case: dict[str, Any] | None = None
        self._round: int | None = None

    def ask(self, do: str, timeout: float, **fields: Any) -> dict[str, Any]:
        assert self.alive, "a dead worker was asked"
        if do in ("prepare", "measure"):
            self._case, self._round = fields["case"], fields["seed"] if do == "prepare" else fields["turn"]["seed"]
        about = self._case if do != "anchor" else None
        request = Request(self._number, do, timeout, about, self._round, fields)
        self._machine.requests.append(request)
        trouble = self._machine.trouble(request)
        if trouble is not None:
            self.alive = not (isinstance(trouble, CaseFault) and trouble.status in KILLS_ITS_WORKER)
            raise trouble
        answer: dict[str, Any] = getattr(self, "_" + do)(fields)
        return answer

    def wait_until_ready(self) -> None:
        assert self.alive

    def close(self) -> None:
        self.alive = False

    def _anchor(self, fields: dict[str, Any]) -> dict[str, Any]:
        value = self._machine.peak(len(self._machine.asked("anchor")) - 1)
        return {"samples": [dataclasses.asdict(Sample(name, value)) for name in ("peak_flops", "python_loop_time")]}

    def _prepare(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"warnings": list(self._machine.warnings)}

    def _ready(self, fields: dict[str, Any]) -> dict[str, Any]:
        self._machine.clock.now += WARM_UP
        made = {"loops": 40 + self._number, "num_blocks": self._machine.num_blocks}
        seen = {"care": self._machine.cares.get(fields["name"]), "warnings": []}
        warm_up = {"warm_up_seconds": WARM_UP, "warm_seconds": 0.0, "settled": True}
        return (fields["plan"] or made) | warm_up | seen

    def _block(self, fields: dict[str, Any]) -> dict[str, Any]:
        assert self._case is not None
        assert self._round is not None
        seconds = self._machine.seconds(self._case["model"], fields["name"], self._round)
        wall = seconds * fields["loops"]
        self._machine.clock.now += wall
        return {"seconds": seconds, "backward": seconds / 2, "host": None, "wall": wall}

    def _release(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"warnings": []}

    def _measure(self, fields: dict[str, Any]) -> dict[str, Any]:
        self._machine.clock.now += 1.0
        samples = [Sample("peak_memory", 2048.0, {"pass": name}) for name in ("forward", "train")]
        return {"samples": [dataclasses.asdict(sample) for sample in samples]}


def fault(
    status: str, reason: str, do: str, model: str, number: int | None = None, name: str | None = None
) -> Callable[[Request], BaseException | None]:
    """A `trouble`: one model's requests of one kind fail, in one round and one pass only where these are given."""

    def trouble(request: Request) -> BaseException | None:
        hit = request.do == do and request.model == model
        hit = hit and number in (None, request.round) and name in (None, request.fields.get("name"))
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
