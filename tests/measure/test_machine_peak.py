"""The machine's own peak: known work by the time that it takes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from time import perf_counter

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.measure import machine_peak


@pytest.mark.long
def test_the_peak_is_the_fastest_product() -> None:
    samples = list(machine_peak.samples(torch.device("cpu"), torch.float32))
    rates = {sample.axes["by"]: sample.value for sample in samples if sample.metric == "product_flops"}
    others = {sample.metric: sample.value for sample in samples if not sample.axes}
    assert {"mm", "linear"} <= set(rates)
    assert others["peak_flops"] == max(rates.values())
    assert set(others) == {"peak_flops", "peak_bandwidth", "python_loop_time"}
    assert all(sample.value > 0 for sample in samples)


@pytest.mark.long
def test_peaks_are_known_work_by_the_time_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of two 512 x 512 matrices has 2 * 512^3 FLOPs; a copy of 32 MiB reads and writes them; 20,000 steps."""
    seconds, steps = 0.25, machine_peak._PYTHON_STEPS
    monkeypatch.setattr(machine_peak, "_best", lambda call, device: seconds)
    found = list(machine_peak.samples(torch.device("cpu"), torch.float32))
    assert {s.value for s in found if s.metric in ("product_flops", "peak_flops")} == {2 * 512**3 / seconds}
    others = {sample.metric: sample.value for sample in found if sample.metric not in ("product_flops", "peak_flops")}
    assert steps == 20_000
    assert others == {"peak_bandwidth": 2 * 32 * 2**20 / seconds, "python_loop_time": seconds / steps}


@pytest.mark.long
def test_the_work_of_the_peaks_is_what_their_calls_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's own counter, and by the memory that a copy changes."""
    done = []

    def observed(call: Callable[[], object], device: torch.device) -> float:
        with FlopCounterMode(display=False) as counter:
            result = call()
        copied = result.nbytes if isinstance(result, torch.Tensor) and not counter.get_total_flops() else 0
        done.append((counter.get_total_flops(), copied))
        return 1.0

    monkeypatch.setattr(machine_peak, "_best", observed)
    found = {s.axes.get("by", s.metric): s.value for s in machine_peak.samples(torch.device("cpu"), torch.float32)}
    assert [flops for flops, _ in done[:2]] == [found["mm"], found["linear"]]
    assert 2 * done[-2][1] == found["peak_bandwidth"]


# On CUDA: rows of calls between two events, on a device that is played


class Rows:
    """A device on which each call takes so many seconds, and an event some microseconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.at, self.calls = seconds, 0.0, 0.0, list[int]()
        self.device = self

    def call(self) -> None:
        self.now += self.seconds
        if self.calls:
            self.calls[-1] += 1

    def event(self, enable_timing: bool) -> Rows:
        made = copy(self)
        made.device = self
        return made

    def record(self) -> None:
        self.device.now += 4e-6
        self.at = self.device.now
        self.device.calls.append(0)

    def synchronize(self) -> None:
        return

    def elapsed_time(self, other: Rows) -> float:
        return 1e3 * (other.at - self.at)


@pytest.mark.parametrize("seconds", [5e-6, 2e-4, 1.5e-3, 0.03])
def test_on_cuda_calls_are_timed_in_rows_that_last_some_milliseconds(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """By the host's clock around each call the wait for it was a twentieth of its time."""
    played = Rows(seconds)
    monkeypatch.setattr(torch.cuda, "Event", played.event)
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    assert machine_peak._best(played.call, torch.device("cuda:0")) == pytest.approx(seconds, rel=1e-3)
    of_rows = [calls for calls in played.calls if calls]
    assert all(calls * seconds >= 0.0049 for calls in of_rows[-5:])
    assert played.now < 0.06 or seconds > 0.01


@pytest.mark.parametrize(("rate", "side"), [(700e12, 8192), (50e12, 4096)])
def test_a_gpu_that_is_fast_enough_is_given_larger_products(
    monkeypatch: pytest.MonkeyPatch, rate: float, side: int
) -> None:
    sides = []

    def rates_of(device: torch.device, dtype: torch.dtype, side: int) -> dict[str, float]:
        sides.append(side)
        return {"mm": rate * side / 4096, "linear": rate * 4096 / side}

    monkeypatch.setattr(machine_peak, "_rates_of", rates_of)
    found = machine_peak.matrix_rates(torch.device("cuda:0"), torch.bfloat16)
    assert (sides[-1], found) == (side, {"mm": rate * side / 4096, "linear": rate})


@pytest.mark.cuda
def test_a_peak_by_events_is_no_lower_than_by_the_hosts_clock() -> None:
    """Nor above 4 PFLOP/s dense, and memory's not above 20 TB/s, which no GPU reaches."""
    device = torch.device("cuda:0")
    start = perf_counter()
    found = {s.axes.get("by", s.metric): s.value for s in machine_peak.samples(device, torch.bfloat16)}
    assert perf_counter() - start < 2
    a, b = (torch.randn(8192, 8192, device=device).bfloat16() for _ in range(2))
    torch.mm(a, b)
    torch.cuda.synchronize(device)
    start = perf_counter()
    for _ in range(10):
        torch.mm(a, b)
    torch.cuda.synchronize(device)
    by_host = 10 * 2 * 8192**3 / (perf_counter() - start)
    assert 0.93 * by_host < found["mm"] < 4e15
    assert 1e10 < found["peak_bandwidth"] < 2e13
