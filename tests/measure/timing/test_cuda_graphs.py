"""Passes replayed as CUDA graphs."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
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


@pytest.fixture
def _graphs_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is captured runs once, on the CPU."""

    class Stream:
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
        ("graph", lambda graph, pool=None: nullcontext()),
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
def test_a_graph_without_a_gradient_of_the_input_is_no_training_pass() -> None:
    class Forgets(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    with pytest.raises(CaseFault, match="no gradient of its output arrives at its input") as fault:
        capture(Workload.of(Forgets(8, 8), torch.randn(2, 4, 8)))
    assert fault.value.status == "unsupported"
