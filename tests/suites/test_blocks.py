"""From the blocks of a timed pass to one round's samples."""

from __future__ import annotations

from rnn_vs_attn.limits import Plan
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.blocks import timed_samples
from rnn_vs_attn.suites.case import warnings_for


def test_the_first_call_under_compile_is_a_sample_of_its_own_and_no_time_of_a_pass() -> None:
    block = Block(seconds=0.001, backward=0.0005, host=None, wall=0.001)
    ready = Ready(Plan(loops=1, num_blocks=1), warm_up_seconds=0.1, warm_seconds=0.1, compile_seconds=3.0)
    samples = timed_samples("train", [block], ready)
    assert {s.metric: s.value for s in samples} == {"train_time": 0.001, "backward_time": 0.0005, "compile_time": 3.0}
    assert [s.axes for s in samples if s.metric == "compile_time"] == [{"pass": "train"}]
    (warning,) = warnings_for(BenchCase("lstm", 8, device="cpu", threads=1, compile=True))
    assert "not compiled" in warning
