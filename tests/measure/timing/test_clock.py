"""The clock of a GPU on a device that is played: how long each kernel runs and each launch takes is known."""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter

import pytest
import torch
from played_gpu import PlayedGPU
from torch import Tensor, nn

from rnn_vs_attn.measure.timing import clock
from rnn_vs_attn.measure.timing.clock import CUDAClock
from rnn_vs_attn.measure.timing.cuda_graphs import capture
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.records.timing import Block
from rnn_vs_attn.stats.launches import launch_bound

FLUSH = 45_000.0  # ns that the device takes to overwrite its L2 cache


class Flush:
    def __init__(self, gpu: PlayedGPU) -> None:
        self.gpu = gpu

    def zero_(self) -> None:
        self.gpu.launch(FLUSH, 3_000)


class Kernels(Workload):
    """Calls of so many kernels that run and take to be launched so many ns; a backward pass has twice as many."""

    def played(self, gpu: PlayedGPU, kernels: int, runs: float, takes: float) -> Kernels:
        self.gpu, self.num_kernels, self.runs, self.takes = gpu, kernels, runs, takes
        return self

    def forward(self) -> Tensor:
        for _ in range(self.num_kernels):
            self.gpu.launch(self.runs, self.takes)
        return self.x

    train_forward = forward

    def backward(self, y: Tensor) -> None:
        self.forward()
        self.forward()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PlayedGPU:
    made = PlayedGPU()
    made.play(monkeypatch, clock)
    monkeypatch.setattr(clock, "_flush_buffer", lambda device: Flush(made))
    monkeypatch.setattr(clock, "_marks", lru_cache(clock._Marks))
    return made


def timed(gpu: PlayedGPU, name: str, loops: int, *kernels: float) -> Block:
    x = torch.zeros(1, 1, 1)
    workload = Kernels(nn.Identity(), lambda x: x, x, x).played(gpu, *kernels)
    return CUDAClock(torch.device("cuda:0")).block(workload, name, loops)


def bound(block: Block, loops: int) -> bool:
    assert block.lag is not None
    return launch_bound(block.lag, block.seconds, loops)


@pytest.mark.parametrize(
    ("loops", "kernels", "runs", "takes"),
    [
        (25, 10, 20_000, 5_000),
        (100, 5, 2_000, 8_000),  # the launches take four times as long and end while the cache is overwritten
        (40, 10, 8_000, 10_000),  # the same, just so: 45 + 80 us of the device, 106 us of the host
        (8, 300, 10_000, 4_000),  # the queue is full
        (1, 10, 3_000_000, 5_000),
        (1, 20_000, 10_000, 4_000),  # and within one call
    ],
)
def test_a_device_that_is_the_slower_one_is_timed_exactly(
    gpu: PlayedGPU, loops: int, kernels: int, runs: float, takes: float
) -> None:
    block = timed(gpu, "forward", loops, kernels, runs, takes)
    assert block.seconds == pytest.approx(kernels * runs * 1e-9, rel=1e-9)
    assert block.backward is None
    assert not bound(block, loops)


def test_a_full_queue_makes_the_hosts_time_that_of_the_device(gpu: PlayedGPU) -> None:
    """Launches of 1.2 ms wait for kernels of 3 ms, so a rule over the host's time would call them launch-bound."""
    block = timed(gpu, "forward", 40, 300, 10_000, 4_000)
    assert block.host is not None
    assert block.host > 0.9 * block.seconds
    assert not bound(block, 40)


@pytest.mark.parametrize(
    ("loops", "kernels", "runs", "takes"), [(60, 10, 2_000, 10_000), (40, 30, 3_000, 6_000), (1, 20_000, 2_000, 5_000)]
)
def test_a_host_that_is_the_slower_one_is_found(
    gpu: PlayedGPU, loops: int, kernels: int, runs: float, takes: float
) -> None:
    block = timed(gpu, "forward", loops, kernels, runs, takes)
    assert block.seconds > 1.5 * kernels * runs * 1e-9  # it is not the device's own
    assert block.host is not None
    assert block.host - 1.2 * FLUSH * 1e-9 < block.seconds < block.host + runs * 1e-9
    assert bound(block, loops)


def test_forward_and_backward_are_parts_of_training(gpu: PlayedGPU) -> None:
    block = timed(gpu, "train", 20, 10, 20_000, 5_000)
    assert block.seconds == pytest.approx(600e-6)
    assert block.backward == pytest.approx(400e-6)
    assert block.wall == pytest.approx(21 * 645e-6, rel=0.01)  # and one before them


def test_a_call_that_is_timed_alone_holds_nothing_of_its_first_launch(gpu: PlayedGPU) -> None:
    """With the host 1 ms before the first kernel; a call of 0.1 s and more is made once."""
    workload = Kernels(nn.Identity(), lambda x: x, *2 * [torch.zeros(1, 1, 1)]).played(gpu, 1, 20e6, 1e6)
    clock = CUDAClock(torch.device("cuda:0"))
    assert clock.block(workload, "forward", 1).seconds == pytest.approx(20e-3)
    assert gpu.events == 6
    workload.played(gpu, 1, 200e6, 1e6)
    found = [clock.block(workload, "forward", 1) for _ in range(2)]
    assert found[0].wall == pytest.approx(2 * found[1].wall, rel=0.01)


def test_events_are_made_once_and_outside_of_what_is_timed(gpu: PlayedGPU) -> None:
    """A first record makes the event, which took 30 us of the host between two others."""
    first, second = (timed(gpu, "forward", 30, 1, 2_000, 5_000) for _ in range(2))
    assert gpu.events == 3 * 31
    assert first.host == pytest.approx(second.host)
    assert first.host == pytest.approx(8e-6)  # a launch and three records
    timed(gpu, "forward", 40, 1, 2_000, 5_000)
    assert gpu.events == 3 * 41


# On a GPU


class _Sleeps(nn.Module):
    def __init__(self, cycles: int) -> None:
        super().__init__()
        self.cycles = cycles

    def forward(self, x: Tensor) -> Tensor:
        torch.cuda._sleep(self.cycles)
        return x


class _Chain(nn.Module):
    """So many of the smallest kernels, one after another, in both directions."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(200):
            x = x * 1.01
        return x


def on_gpu(module: nn.Module, loops: int) -> Block:
    workload = Workload.of(module.cuda(), torch.ones(1, 8, 8, device="cuda"))
    device = CUDAClock(workload.x.device)
    device.block(workload, "forward", loops)
    return device.block(workload, "forward", loops)


@pytest.mark.cuda
def test_a_kernel_that_waits_twice_as_many_cycles_takes_twice_as_long() -> None:
    """The host's clock agrees, as a wait of milliseconds leaves its launch no part."""
    once, twice = (on_gpu(_Sleeps(cycles), 10) for cycles in (4_000_000, 8_000_000))
    assert twice.seconds == pytest.approx(2 * once.seconds, rel=0.05)
    torch.cuda.synchronize()
    start = perf_counter()
    for _ in range(20):
        torch.cuda._sleep(8_000_000)
    torch.cuda.synchronize()
    assert twice.seconds == pytest.approx((perf_counter() - start) / 20, rel=0.05)
    assert not bound(once, 10)
    assert not bound(twice, 10)


@pytest.mark.cuda
def test_a_chain_of_small_kernels_is_launch_bound_and_as_a_graph_it_is_not() -> None:
    chain = on_gpu(_Chain(), 20)
    assert bound(chain, 20)
    graphed = capture(Workload.of(_Chain().cuda(), torch.ones(1, 8, 8, device="cuda")))
    device = CUDAClock(graphed.x.device)
    device.block(graphed, "forward", 20)
    replayed = device.block(graphed, "forward", 20)
    assert replayed.seconds < 0.9 * chain.seconds
    assert not bound(replayed, 20)


@pytest.mark.cuda
def test_large_products_are_not_launch_bound() -> None:
    linear = nn.Linear(4096, 4096, bias=False).cuda()
    workload = Workload.of(linear, torch.randn(1, 4096, 4096, device="cuda"))
    block = CUDAClock(workload.x.device).block(workload, "train", 5)
    assert block.backward == pytest.approx(2 * (block.seconds - block.backward), rel=0.3)  # two products to one
    assert not bound(block, 5)
