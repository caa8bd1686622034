"""From the blocks of a timed pass to one round's samples."""

from __future__ import annotations

from rnn_vs_attn.limits import Plan
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import LAUNCH_BOUND, Sample
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.blocks import calls_bound, timed_samples
from rnn_vs_attn.suites.case import warnings_for


def test_the_first_call_under_compile_is_a_sample_of_its_own_and_no_time_of_a_pass() -> None:
    block = Block(seconds=0.001, backward=0.0005, host=None, wall=0.001)
    ready = Ready(Plan(loops=1, num_blocks=1), warm_up_seconds=0.1, warm_seconds=0.1, compile_seconds=3.0)
    samples = timed_samples("train", [block], ready)
    assert {s.metric: s.value for s in samples} == {"train_time": 0.001, "backward_time": 0.0005, "compile_time": 3.0}
    assert [s.axes for s in samples if s.metric == "compile_time"] == [{"pass": "train"}]
    (warning,) = warnings_for(BenchCase("lstm", 8, device="cpu", threads=1, compile=True))
    assert "not compiled" in warning


def test_the_part_of_the_blocks_that_waited_for_the_host_is_stored() -> None:
    """Of ten calls of 100 us each the device was done 30 us after the host in three blocks, and 3 ms in one."""
    blocks = [Block(100e-6, host=140e-6, wall=2e-3, lag=lag) for lag in (30e-6, 30e-6, 3e-3, 30e-6)]
    samples = timed_samples("forward", blocks, Ready(Plan(loops=10, num_blocks=4), warm_up_seconds=0.1))
    (bound,) = [sample for sample in samples if sample.metric == LAUNCH_BOUND]
    assert bound == Sample(LAUNCH_BOUND, 0.75, {"pass": "forward"}, [1.0, 1.0, 0.0, 1.0])
    on_a_cpu = timed_samples("forward", [Block(1e-4, wall=1e-3)], Ready(Plan(10, 1), 0.1))
    assert [sample.metric for sample in on_a_cpu] == ["forward_time"]


def test_the_part_of_the_calls_that_waited_for_the_host_is_stored() -> None:
    assert list(calls_bound("step", [True, False, True, True])) == [Sample(LAUNCH_BOUND, 0.75, {"pass": "step"})]
    assert list(calls_bound("step", [])) == []
