"""A request that does not fit is nobody's fault but its own; after a fault nothing of its case is left."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from leaky_models import BUDGET, about
from repositories import write

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import device
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.worker import answers, client, messages, protocol
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import (
    About,
    MakeReady,
    Measure,
    Prepare,
    Request,
    Samples,
)
from rnn_vs_attn.worker.typed_json import Misunderstood


@dataclass(frozen=True)
class Guess(Request[Samples]):
    """No worker is asked this."""


def other_measure(**more: Any) -> Request[Samples]:
    """A request of the name that a worker knows, with other fields."""
    fields = [(name, type(value)) for name, value in more.items()]
    made: Request[Samples] = make_dataclass("Measure", fields, bases=(Guess,), frozen=True)(**more)
    return made


def test_a_request_that_does_not_fit_is_no_cases_fault(worker: ChildWorker) -> None:
    """It was taken for one, and what `ab` compares exactly vanished without a word."""
    with pytest.raises(Misunderstood, match="there is no request 'Guess'"):
        worker.ask(Guess(), 600)
    with pytest.raises(Misunderstood, match="Measure has no field 'seed'"):
        worker.ask(other_measure(about=about("lstm"), turn=Turn(), part="measure", seed=0), 600)
    with pytest.raises(Misunderstood, match="Measure lacks 'turn'"):
        worker.ask(other_measure(about=about("lstm"), part="measure"), 600)
    with pytest.raises(Misunderstood, match="there is no case of 'bench' with these axes"):
        worker.ask(Measure(About("bench", {"width": 4}, None), Turn()), 600)
    assert worker.ask(Measure(about("lstm"), Turn()), 600).samples


# After a fault


class Left:
    """A sandbox that notes how many tensors of a case are there when it is left."""

    spoilt = False

    def __init__(self) -> None:
        self.alive: list[int] = []
        self.tensors: list[weakref.ref[torch.Tensor]] = []

    def leave(self) -> list[str]:
        self.alive.append(sum(ref() is not None for ref in self.tensors))
        return ["it changed something"]


Case = Callable[[], None]


@pytest.fixture
def left() -> Left:
    return Left()


@pytest.fixture
def reply_to(left: Left, monkeypatch: pytest.MonkeyPatch) -> Callable[[Case], dict[str, Any]]:
    """The reply of this process to a request whose handler is given."""
    monkeypatch.setattr(answers, "_set_torch_up", lambda: None)
    monkeypatch.setattr(answers, "Sandbox", lambda: left)

    def reply(case: Case) -> dict[str, Any]:
        monkeypatch.setattr(answers, "_handlers", lambda sandbox: {protocol.Release: lambda request: case()})
        return answers.Answers().to(messages.written(protocol.Release()))

    return reply


def holding(left: Left, make: Callable[[], Exception]) -> Case:
    """A case that has allocated in two frames when it fails."""

    def inner() -> None:
        scores = torch.ones(8)
        left.tensors.append(weakref.ref(scores))
        raise make()

    def case() -> None:
        module = torch.ones(8)
        left.tensors.append(weakref.ref(module))
        try:
            inner()
        except Exception as inner_error:
            raise make() from inner_error

    return case


@pytest.mark.parametrize(
    ("make", "reply"),
    [
        (
            lambda: torch.OutOfMemoryError("CUDA out of memory"),
            {
                "fault": "out_of_memory",
                "reason": "OutOfMemoryError: CUDA out of memory",
                "warnings": ["it changed something"],
            },
        ),
        (lambda: CaseFault("failed", "no"), {"fault": "failed", "reason": "no", "warnings": ["it changed something"]}),
        (lambda: UserError("mend it"), {"user": "mend it"}),
    ],
    ids=["out of memory", "fault", "user"],
)
def test_no_tensor_of_a_case_is_left_when_its_memory_is_given_back(
    make: Callable[[], Exception], reply: dict[str, Any], left: Left, reply_to: Callable[[Case], dict[str, Any]]
) -> None:
    """The traceback held them while the cache was emptied, and the next large case was refused."""
    assert reply_to(holding(left, make)) == reply
    assert len(left.tensors) == 2
    assert left.alive == [0]


def test_a_lost_gpu_is_told_and_its_case_is_not_left(
    left: Left, reply_to: Callable[[Case], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To leave it would raise once more, and hide what happened."""

    def case() -> None:
        raise RuntimeError("CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`")

    monkeypatch.setattr(device, "is_lost", lambda: True)
    found = reply_to(case)
    assert found["fault"] == "failed"
    assert found["lost"] is True
    assert found["reason"].startswith("RuntimeError: CUDA error: device-side assert triggered; this ended all")
    assert left.alive == []


class LostProcess:
    """A process that has lost its GPU."""

    def __init__(self, *_: object) -> None:
        self.alive = True
        self.pid = 0

    def write(self, line: str) -> None:
        assert self.alive

    def read(self, timeout: float) -> dict[str, Any]:
        return {"fault": "failed", "reason": "device-side assert", "lost": True}

    def close(self) -> None:
        self.alive = False


def test_a_worker_that_has_lost_its_gpu_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whoever asks next starts another one, as where one has crashed."""
    monkeypatch.setattr(client, "Process", LostProcess)
    worker = ChildWorker(wait=False)
    with pytest.raises(CaseFault, match="device-side assert"):
        worker.ask(protocol.Release(), 1)
    assert not worker.alive


ON_GPU = """\
import torch
from torch import nn


class Asserts(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.table = nn.Embedding(4, d_model)

    def forward(self, x):
        return x + self.table(torch.full(x.shape[:2], 9, device=x.device))


class Fills(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x):
        held = [torch.empty(1 << 28, device=x.device) for _ in range(1000)]
        return self.project(x) + len(held)


class Takes(Fills):
    def forward(self, x):
        most = int(0.8 * torch.cuda.mem_get_info()[1])
        return self.project(x) + torch.empty(most, dtype=torch.uint8, device=x.device)[0] * 0
"""


@pytest.fixture
def of_gpu(tmp_path: Path) -> Iterator[ChildWorker]:
    write(tmp_path, {"on_gpu.py": ON_GPU})
    made = ChildWorker(folder=tmp_path)
    yield made
    made.close()


def ready(worker: ChildWorker, model: str) -> None:
    """One pass of a model on the GPU."""
    case = BenchCase(model, 8, batch_size=2, d_model=8, num_heads=1, device="cuda", threads=1)
    worker.ask(Prepare(About.of(BENCH, case, None), seed=1), 60)
    worker.ask(MakeReady("forward", BUDGET), 60)
    worker.ask(protocol.Release(), 60)


@pytest.mark.cuda
@pytest.mark.slow
def test_after_an_out_of_memory_the_next_large_case_has_all_of_it(of_gpu: ChildWorker) -> None:
    with pytest.raises(CaseFault) as met:
        ready(of_gpu, "on_gpu.py:Fills")
    assert met.value.status == "out_of_memory"
    ready(of_gpu, "on_gpu.py:Takes")


@pytest.mark.cuda
@pytest.mark.slow
def test_a_device_side_assert_costs_its_case_and_the_process(of_gpu: ChildWorker) -> None:
    with pytest.raises(CaseFault, match=r"device-side assert.*the cases after it are measured in another process"):
        ready(of_gpu, "on_gpu.py:Asserts")
    assert not of_gpu.alive
