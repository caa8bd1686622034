"""Lines about layers, on planted records."""

from __future__ import annotations

import dataclasses

import pytest
from planted_lesson import bench, decode, readings, scaling

from rnn_vs_attn.lesson import of_layers
from rnn_vs_attn.lesson.readings import Lacking, Readings
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record


def test_attention_is_parallel_by_its_chain_of_operations() -> None:
    found = of_layers.in_parallel(readings())
    assert found.verdict == HOLDS
    assert found.figure == "longest chain of operations at 1,024 tokens: attention 3, lstm 7,168"


def test_an_attention_whose_chain_grows_is_not_parallel() -> None:
    assert of_layers.in_parallel(readings(scaling=scaling(attention=lambda n: 2 * n))).verdict == FAILS


def test_a_chain_that_was_counted_at_too_few_lengths_says_what_it_takes() -> None:
    runs = [r for r in scaling() if r.axes["model"] != "mingru" or int(r.axes["seq_len"] or 0) > 256]
    found = of_layers.one_step_after_the_other(readings(scaling=runs))
    assert found.verdict == UNDECIDED
    assert found.why.endswith("its chain is undecided (a law takes 4 lengths: --max-seconds gives time for more)")


def test_a_scan_makes_a_recurrence_parallel_and_its_time_stands_beside() -> None:
    found = of_layers.one_step_after_the_other(readings())
    assert found.verdict == FAILS
    assert "mingru 55, lstm 7,168; mingru trains in 0.100 [0.100, 0.100] of attention's time at 512" in found.figure


def test_the_scan_is_told_by_its_chain_alone_before_it_was_timed() -> None:
    runs = readings()
    found = of_layers.one_step_after_the_other(Readings({"scaling": runs.of("scaling")}, {}))
    assert found.verdict == FAILS
    assert found.figure.endswith("mingru 55, lstm 7,168")


@pytest.mark.parametrize(("ms", "verdict"), [(50.0, HOLDS), (5.0, FAILS), (10.0, UNDECIDED)])
def test_a_loop_is_slower_by_the_interval_of_its_ratio(ms: float, verdict: str) -> None:
    found = of_layers.loop(readings(bench=bench({"lstm-cell": ms})))
    assert found.verdict == verdict
    assert ("narrow it" in found.why) == (verdict == UNDECIDED)


@pytest.mark.parametrize(("ms", "verdict"), [(50.0, HOLDS), (2.0, FAILS), (10.0, UNDECIDED)])
def test_attention_is_faster_than_the_fused_lstm_by_the_interval_of_the_ratio(ms: float, verdict: str) -> None:
    assert of_layers.fused(readings(bench=bench({"lstm": ms}))).verdict == verdict


def at_512(ms: float, model: str) -> list[Record]:
    """Times of a model at 512 tokens that are not what those at 128 are; attention takes 10 ms and 40 ms."""
    other = [r for r in bench({model: ms}) if r.axes["model"] == model and r.axes["seq_len"] == 512]
    return [r for r in bench({model: 50.0}) if (r.axes["model"], r.axes["seq_len"]) != (model, 512)] + other


@pytest.mark.parametrize(("ms", "verdict"), [(5.0, FAILS), (10.0, UNDECIDED), (30.0, HOLDS)])
def test_a_loop_that_is_slower_at_the_shorter_length_only_does_not_make_it_hold(ms: float, verdict: str) -> None:
    found = of_layers.loop(readings(bench=at_512(ms, "lstm-cell")))
    assert found.verdict == verdict
    assert found.figure.startswith("an LSTM as a loop over its cells takes 5.00 [5.00, 5.00] times")
    assert ("narrow it" in found.why) == (verdict == UNDECIDED)


def test_a_fused_lstm_that_is_slower_at_the_longer_length_only_says_both() -> None:
    slow = [r for r in bench({"lstm": 50.0}) if r.axes["model"] == "lstm" and r.axes["seq_len"] == 512]
    rest = [r for r in bench({"lstm": 2.0}) if (r.axes["model"], r.axes["seq_len"]) != ("lstm", 512)]
    found = of_layers.fused(readings(bench=rest + slow))
    assert found.verdict == FAILS
    assert "takes 5.00 [5.00, 5.00] times attention's time to train at 512 tokens" in found.figure
    assert found.figure.endswith("; 0.200 [0.200, 0.200] at 128")


def test_fewer_than_six_rounds_decide_no_time_and_say_what_it_takes() -> None:
    found = of_layers.fused(readings(bench=bench(number=3)))
    assert found.verdict == UNDECIDED
    assert "0.200 (no interval)" in found.figure
    assert found.why == "3 rounds; an interval at 95% needs 6; a longer --max-seconds has them"


def test_attention_has_fewer_flops_than_an_lstm_up_to_four_times_the_width() -> None:
    found = of_layers.table_1(readings())
    assert found.verdict == HOLDS
    assert found.figure == "at d = 64 attention has more FLOPs from n = 256 on"
    assert "attention's grow as n^1.99 d^1 between its projections, lstm's grow as n^1 d^2" in found.why


@pytest.mark.parametrize(("exponent", "verdict"), [(1.0, FAILS), (2.0, HOLDS)])
def test_memory_by_the_exponent_of_the_kernel_that_ran(exponent: float, verdict: str) -> None:
    found = of_layers.memory(readings(bench=bench(exponent=exponent)))
    assert found.verdict == verdict
    assert f"by n^{exponent:.2f}" in found.figure
    assert "by n^2.00 [2.00, 2.00] naively" in found.figure


def test_memory_at_one_length_only_decides_nothing() -> None:
    runs = readings(bench=[r for r in bench() if r.axes["seq_len"] == 128])
    with pytest.raises(Lacking, match="at one length only"):
        of_layers.memory(runs)


@pytest.mark.parametrize(
    ("attention", "lstm", "verdict"), [(3.0, 1.0, HOLDS), (1.0, 1.0, FAILS), (3.0, 3.0, FAILS), (3.0, 1.15, UNDECIDED)]
)
def test_a_token_is_dearer_after_a_longer_context_for_attention_alone(
    attention: float, lstm: float, verdict: str
) -> None:
    times = decode(attention, lstm)
    if verdict == UNDECIDED:
        times = [spread(r) if r.metric == "step_time" and r.axes["model"] == "lstm" else r for r in times]
    found = of_layers.generation(readings(decode=times))
    assert found.verdict == verdict
    assert "after 2,048 tokens beside one after 64" in found.figure


def spread(record: Record) -> Record:
    """The same, at the longer context with rounds on both sides of 1.15 times the shorter one."""
    far = record.axes["seq_len"] == 2048
    factors = (0.8, 1.3) * 3 if far else (1.0,) * 6
    return dataclasses.replace(record, samples=[s * f for s, f in zip(record.values, factors, strict=True)])


def test_what_is_carried_stands_beside_the_time_of_a_token() -> None:
    assert of_layers.generation(readings()).why == "carried on: attention 2.00 MiB, lstm 1.00 KiB"


def test_a_case_that_failed_says_why() -> None:
    failed = [
        dataclasses.replace(r, status="crashed", error="a bad kernel", samples=[], median=None, low=None, high=None)
        if r.axes["model"] == "lstm"
        else r
        for r in bench()
    ]
    with pytest.raises(Lacking, match="a bad kernel"):
        of_layers.fused(readings(bench=failed))


def test_a_gpu_is_named_in_place_of_the_threads_of_a_cpu() -> None:
    there = [dataclasses.replace(r, axes=r.axes | {"device": "cuda"}) for r in bench()]
    assert of_layers.fused(readings(bench=there)).figure.endswith(" at 512 tokens, d_model 128, cuda")


def test_memory_that_is_too_little_to_be_read_has_no_exponent() -> None:
    """As where a pass took less than the kernel counts."""

    def none_of(record: Record) -> Record:
        first = record.metric == "peak_memory" and record.axes["seq_len"] == 128
        return dataclasses.replace(record, samples=[0.0, *record.samples[1:]]) if first else record

    with pytest.raises(Lacking, match="attention: its memory was too little to be read"):
        of_layers.memory(readings(bench=[none_of(r) for r in bench()]))


def test_memory_of_the_kernel_that_ran_decides_whatever_became_of_the_scores_that_are_written_out() -> None:
    alone = [r for r in bench() if r.axes["model"] != "attention-naive"]
    found = of_layers.memory(readings(bench=alone))
    assert found.verdict == FAILS
    assert found.figure.endswith("by n^1.00 [1.00, 1.00] with the fused kernel")


def test_a_kernel_whose_memory_grows_with_the_square_is_not_said_to_keep_no_scores() -> None:
    assert of_layers.memory(readings(bench=bench(exponent=2.0))).why == "with the fused kernel 4.00 MiB, then 64.0 MiB"


def test_what_decides_no_token_is_said_of_the_model_that_it_is_so_of() -> None:
    few = [
        dataclasses.replace(r, samples=r.samples[:2]) if r.metric == "step_time" and r.axes["model"] == "lstm" else r
        for r in decode()
    ]
    found = of_layers.generation(readings(decode=few))
    assert (found.verdict, found.why) == (
        UNDECIDED,
        "2 rounds; an interval at 95% needs 6; a longer --max-seconds has them",
    )


def test_a_law_without_its_counts_decides_nothing() -> None:
    """As of a record that somebody has edited."""
    runs = readings()
    bare = [dataclasses.replace(r, details={}) for r in runs.of("scaling")]
    with pytest.raises(Lacking, match="its operations were not counted"):
        of_layers.in_parallel(Readings({"scaling": bare}, {}))


@pytest.mark.parametrize("model", ["lstm", "attention"])
def test_times_of_a_gpu_that_are_those_of_the_host_say_so(model: str) -> None:
    """An explanation by what kernels do would be none."""
    there = [dataclasses.replace(r, axes=r.axes | {"device": "cuda"}) for r in bench()]
    (time,) = (r for r in there if (r.metric, r.axes["model"], r.axes["seq_len"]) == ("train_time", model, 128))
    part = {"unit": "1", "samples": [1.0] * 6, "median": 1.0, "low": 1.0, "high": 1.0}
    bound = dataclasses.replace(time, metric="launch_bound", axes=time.axes | {"pass": "train"}, better="none", **part)
    found = of_layers.fused(readings(bench=[*there, bound]))
    assert (found.verdict, found.why) == (FAILS, of_layers._OF_HOST)
    slow = [dataclasses.replace(r, axes=r.axes | {"device": "cuda"}) for r in bench({"lstm": 30.0})]
    held = of_layers.fused(readings(bench=[*slow, bound]))
    assert (held.verdict, held.why) == (HOLDS, of_layers._OF_HOST)
