"""Calls that are timed one by one."""

from __future__ import annotations

import pytest
import torch

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
