"""Passes replayed as CUDA graphs."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.keeping import NOTES
from rnn_vs_attn.measure.timing.cuda_graphs import GraphedWorkload, capture
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase


@pytest.mark.cuda
def test_cuda_graphs_replay_the_same_gradients() -> None:
    case = BenchCase("attention", 256, device="cuda", dtype="float32", threads=1, cuda_graphs=True)
    graphed = measure.workload(case, 0)
    plain = measure.workload(dataclasses.replace(case, cuda_graphs=False), 0)
    graphed.backward(graphed.train_forward())
    y = plain.run(plain.x)
    y.backward(plain.grad_output)
    assert torch.allclose(graphed.output, y, atol=1e-4)
    assert torch.allclose(graphed.written[0], plain.x.grad, atol=1e-4)


@pytest.mark.cuda
def test_a_replayed_dropout_draws_anew_and_goes_back_the_same_way() -> None:
    """The gradient of x is that of the output where x was kept, scaled alike; each replay keeps others."""

    class Drops(nn.Dropout):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 1.0  # a kernel in inference too: torch warns of an empty graph

    drops = Drops(0.5).cuda()
    made = capture(Workload.of(drops, torch.ones(4, 64, 64, device="cuda")))
    assert isinstance(made, GraphedWorkload)
    kept = []
    for _ in range(2):
        made.backward(made.train_forward())
        torch.testing.assert_close(made.written[0], made.grad_output * made.output)
        kept.append(made.output.detach().clone())
    assert not torch.equal(*kept)
    assert 0.4 < (kept[0] == 0).float().mean() < 0.6


# In a process of its own: torch's random numbers cannot be drawn after it.
FAILS = """
import torch
from torch import nn
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.keeping import NOTES
from rnn_vs_attn.measure.timing.cuda_graphs import capture
from rnn_vs_attn.measure.workload import Workload

class Asks(nn.Linear):
    def forward(self, x):
        return super().forward(x) * x.sum().item()

try:
    capture(Workload.of(Asks(8, 8).cuda(), torch.randn(2, 4, 8, device="cuda")))
except CaseFault as fault:
    print(fault.status, NOTES.spoilt, fault.reason)
"""


@pytest.mark.cuda
def test_a_capture_that_fails_ends_with_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("unsupported True it cannot be captured in a CUDA graph: "), done.stderr


@pytest.fixture
def _graphs_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is captured runs once, on the CPU."""

    class Stream:
        def __init__(self, device: torch.device | None = None) -> None:
            return

        def wait_stream(self, other: Stream) -> None:
            return

    class Graph:
        def pool(self) -> int:
            return 0

    for name, stands_for in (
        ("Stream", Stream),
        ("current_stream", Stream),
        ("stream", nullcontext),
        ("CUDAGraph", Graph),
        ("graph", lambda graph, pool=None, stream=None: nullcontext()),
        ("device", lambda device: nullcontext()),
    ):
        monkeypatch.setattr(torch.cuda, name, stands_for)


@pytest.mark.usefixtures("_graphs_of_the_cpu")
def test_a_captured_backward_pass_reaches_the_input_that_is_timed(workload: Workload) -> None:
    """It was captured on a copy of the warm-up's, so that training was timed without the gradient of the input."""
    made = capture(workload)
    assert workload.given is workload.x
    assert isinstance(made, GraphedWorkload)
    expected = workload.grad_output @ workload.module.weight
    torch.testing.assert_close(made.written[0], expected)
    assert [g is None for g in made.written] == [False] * 3


@pytest.mark.usefixtures("_graphs_of_the_cpu")
def test_all_graphs_are_captured_on_one_stream_of_the_workloads_device(
    monkeypatch: pytest.MonkeyPatch, workload: Workload
) -> None:
    """They were captured on a stream of whichever device came first in the process."""
    current, streams = [], []

    @contextmanager
    def device(wanted: torch.device) -> Iterator[None]:
        current.append(wanted)
        yield
        current.pop()

    def graph(made: Any, pool: Any = None, stream: Any = None) -> AbstractContextManager[None]:
        assert current == [workload.x.device]
        streams.append(stream)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    capture(workload)
    assert len(streams) == 3
    assert streams[0] is streams[1] is streams[2] is not None


@pytest.mark.usefixtures("_graphs_of_the_cpu")
def test_after_a_capture_that_failed_the_process_does_nothing_else(
    monkeypatch: pytest.MonkeyPatch, workload: Workload
) -> None:
    """The next case drew its weights while torch thought that a capture was under way."""
    monkeypatch.setattr(NOTES, "spoilt", False)
    monkeypatch.setattr(workload, "both", lambda: None)
    monkeypatch.setattr(workload, "train_forward", _refuses)
    with pytest.raises(CaseFault, match="it cannot be captured"):
        capture(workload)
    assert NOTES.spoilt


def _refuses() -> Tensor:
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.usefixtures("_graphs_of_the_cpu")
def test_a_graph_without_a_gradient_of_the_input_is_no_training_pass() -> None:
    class Forgets(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    with pytest.raises(CaseFault, match="no gradient of its output arrives at its input") as fault:
        capture(Workload.of(Forgets(8, 8), torch.randn(2, 4, 8)))
    assert fault.value.status == "unsupported"
