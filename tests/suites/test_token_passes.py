"""Models of token ids made ready and timed: by blocks as layers are, and what is not finite is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from planted_variants import albert, at, by_size, gpt, xl
from torch import nn

from rnn_vs_attn.limits import ENOUGH, Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.workload import TokenWorkload
from rnn_vs_attn.records.timing import Block
from rnn_vs_attn.suites import token_passes
from rnn_vs_attn.suites.variants.albert import analysis
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT
from rnn_vs_attn.suites.variants.gpt import measure as gpt_measure
from rnn_vs_attn.suites.variants.transformer_xl import measure as transformer_xl_measure

# Counts


def test_counts_of_a_size_that_failed_are_there_all_the_same() -> None:
    case = albert("albert-xxlarge")
    failed = dataclasses.replace(at(VARIANTS_ALBERT, "forward_time", case, [1.0]), status="out_of_memory", median=None)
    assert by_size(analysis.derive([failed]), "num_params")["albert-xxlarge"] == 222_595_584


@pytest.mark.long
@pytest.mark.parametrize(("factor", "said"), [(1.0, 0), (float("nan"), 2)])
def test_outputs_and_gradients_that_are_not_finite_are_said(factor: float, said: int) -> None:
    """They were timed without a word."""
    case = gpt("1x64", seq_len=4)
    workload = token_passes.made(lambda: gpt_measure.make(case), case, 0, 11)
    with torch.no_grad():
        next(workload.module.parameters()).mul_(factor)
    found = next(token_passes.times(workload, Turn())).warnings
    assert len([text for text in found if "hold" in text and "could not" not in text]) == said
    assert next(token_passes.times(workload, Turn(1, first=False))).warnings == []


class ScriptedClock:
    """Calls of 10 ms, of which it remembers the pass and the number in a block."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def block(self, workload: Any, name: str, loops: int) -> Block:
        self.asked.append((name, loops))
        return Block(0.010, backward=0.005, wall=0.010 * loops)


@pytest.mark.long
@pytest.mark.parametrize(("share", "warm_up", "num_blocks"), [(1.0, 20, 8), (0.5, 12, 4), (0.0, 0, 1)])
def test_passes_are_timed_as_bench_times_them(
    share: float, warm_up: int, num_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is thrown away, a warm-up in windows of a quarter, one to calibrate, then blocks."""
    clock, case = ScriptedClock(), gpt("1x64", seq_len=4)
    monkeypatch.setattr(token_passes, "clock_for", lambda device: clock)
    workload = token_passes.made(lambda: gpt_measure.make(case), case, 0, 11)
    forward, train = token_passes.times(workload, Turn(first=False, enough=share * ENOUGH))
    assert [forward.metric, train.metric] == ["forward_time", "train_time"]
    assert (forward.value, forward.blocks, train.blocks) == (0.010, [0.010] * num_blocks, [0.010] * num_blocks)
    assert (forward.details["loops"], forward.details["settled"]) == (1, share > 0)
    assert "settled" not in train.details  # of a module that is warm
    assert len([name for name, _ in clock.asked if name == "forward"]) == 1 + warm_up + 1 + num_blocks
    assert len([name for name, _ in clock.asked if name == "train"]) == 1 + 1 + num_blocks


@pytest.mark.long
@pytest.mark.parametrize("method", ["memory", "window-half", "cache"])
def test_an_evaluation_that_is_not_finite_is_said(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = transformer_xl_measure._model

    def broken(*given: Any) -> nn.Module:
        module = real(*given)
        with torch.no_grad():
            next(module.parameters()).mul_(float("nan"))
        return module

    case = xl(method, 8, segment_len=4)
    assert next(transformer_xl_measure.measure(case, Turn())).warnings == []
    monkeypatch.setattr(transformer_xl_measure, "_model", broken)
    assert next(transformer_xl_measure.measure(case, Turn())).warnings == ["its output holds NaN or infinity"]


def test_a_peak_that_cannot_be_read_is_absent_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "peak_missing", lambda device: "nobody counts it")
    workload = TokenWorkload.of_ids(nn.Embedding(7, 4), torch.zeros(1, 3, dtype=torch.long))
    found = token_passes.peak(workload, "train", memory_len=2)
    assert (found.value, found.axes, found.warnings) == (None, {"pass": "train", "memory_len": 2}, ["nobody counts it"])
