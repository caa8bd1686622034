"""Calls that are timed one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from played_gpu import PlayedGPU

from rnn_vs_attn.measure.timing import calls


def test_calls_are_timed_after_one_that_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lengths = [0], iter([1_500, 100, 60, 70, 1_000])  # ms

    def call() -> None:
        now[0] += next(lengths) * 1_000_000

    monkeypatch.setattr(calls, "perf_counter_ns", lambda: now[0])
    assert calls.repeated(call, torch.device("cpu"))[0] == pytest.approx([0.1, 0.06, 0.07])


def test_a_long_call_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]

    def call() -> None:
        now[0] += 3_000_000_000

    monkeypatch.setattr(calls, "perf_counter_ns", lambda: now[0])
    assert calls.repeated(call, torch.device("cpu"))[0] == pytest.approx([3.0])


def played(
    monkeypatch: pytest.MonkeyPatch, kernels: int, runs: float, takes: float
) -> tuple[PlayedGPU, Callable[[], None]]:
    """A GPU, and a call of so many kernels: ns that each runs, and that its launch takes."""
    gpu = PlayedGPU()
    gpu.play(monkeypatch, calls)

    def call() -> None:
        for _ in range(kernels):
            gpu.launch(runs, takes)

    return gpu, call


@pytest.mark.long
@pytest.mark.parametrize(
    ("kernels", "runs", "takes", "waits"),
    [
        (10, 2_000, 10_000, True),
        (10, 20_000, 5_000, False),
        (1, 90_000, 5_000, False),  # 15 us more are the way to the device and back
        (20_000, 2_000, 5_000, True),  # more than the queue holds
        (20_000, 10_000, 4_000, False),
    ],
)
def test_a_device_that_waits_for_launches_is_told_from_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch, kernels: int, runs: float, takes: float, waits: bool
) -> None:
    _, call = played(monkeypatch, kernels, runs, takes)
    (seconds, *_), _ = calls.repeated(call, torch.device("cuda:0"), enough=1e-9)
    assert calls.device_waits(call, torch.device("cuda:0"), seconds) == waits


@pytest.mark.parametrize(("kernels", "runs", "takes", "waits"), [(40_000, 1e5, 1e6, True), (40_000, 1e6, 1e5, False)])
def test_a_long_call_is_not_slept_through_and_is_told_by_its_lag(
    monkeypatch: pytest.MonkeyPatch, kernels: int, runs: float, takes: float, waits: bool
) -> None:
    """One of 40 seconds took two minutes to ask."""
    gpu, call = played(monkeypatch, kernels, runs, takes)
    assert calls.device_waits(call, torch.device("cuda:0"), 40.0) == waits
    assert gpu.now < 42e9


def test_calls_on_a_cpu_are_not_asked_whether_a_device_waits_for_them() -> None:
    assert calls.launch_bound_calls(pytest.fail, torch.device("cpu"), 1.0) == []
