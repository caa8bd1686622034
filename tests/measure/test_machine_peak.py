"""The machine's own peak: known work by the time that it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rnn_vs_attn.measure import machine_peak


def test_the_peak_is_the_fastest_product() -> None:
    samples = list(machine_peak.samples(torch.device("cpu"), torch.float32))
    rates = {sample.axes["by"]: sample.value for sample in samples if sample.metric == "product_flops"}
    others = {sample.metric: sample.value for sample in samples if not sample.axes}
    assert {"mm", "linear"} <= set(rates)
    assert others["peak_flops"] == max(rates.values())
    assert set(others) == {"peak_flops", "peak_bandwidth", "python_loop_time"}
    assert all(sample.value > 0 for sample in samples)


def test_peaks_are_known_work_by_the_time_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of two 512 x 512 matrices has 2 * 512^3 FLOPs; a copy of 32 MiB reads and writes them; 20,000 steps."""
    seconds, steps = 0.25, machine_peak._PYTHON_STEPS
    monkeypatch.setattr(machine_peak, "_best", lambda call, device: seconds)
    found = list(machine_peak.samples(torch.device("cpu"), torch.float32))
    assert {s.value for s in found if s.metric in ("product_flops", "peak_flops")} == {2 * 512**3 / seconds}
    others = {sample.metric: sample.value for sample in found if sample.metric not in ("product_flops", "peak_flops")}
    assert steps == 20_000
    assert others == {"peak_bandwidth": 2 * 32 * 2**20 / seconds, "python_loop_time": seconds / steps}


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
