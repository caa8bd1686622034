"""What `bench` reads out of records with a planted answer: rates, growth, crossings, claims and figures."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import pytest
from fakes import bench_record, of_rounds

from rnn_vs_attn import units
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.bench.analysis import derive, expand, least_bytes
from rnn_vs_attn.suites.bench.figures import figures
from rnn_vs_attn.suites.bench.remarks import remarks
from rnn_vs_attn.suites.bench.suite import BENCH

LENGTHS = (64, 128, 256, 512, 1024)
LINEAR = 1e-6  # seconds a token of the recurrence
MIB = 1 << 20
DRIFT = [1.0, 1.7, 0.6, 2.9, 1.2, 4.0]  # how slow the machine is in each round
STEADY = [1.0] * 6
ANCHOR = {"device": "cpu", "dtype": "float32", "threads": 2}


def planted(crossing: float) -> Callable[[str, int], float]:
    """Seconds: c1 * L for a recurrence, c2 * L^1.5 for attention, equal at `crossing`."""

    def seconds(model: str, length: int) -> float:
        return LINEAR / math.sqrt(crossing) * length**1.5 if model == "attention" else LINEAR * length

    return seconds


def times(
    seconds: Callable[[str, int], float],
    rounds: Sequence[float] = DRIFT,
    models: Sequence[str] = ("lstm", "attention"),
    metric: str = "train_time",
    lengths: Sequence[int] = LENGTHS,
    **case: Any,
) -> list[Record]:
    """Times of models over lengths; every round is slower or faster as a whole."""
    return [
        bench_record(metric, model, length, [seconds(model, length) * r for r in rounds], **case)
        for model in models
        for length in lengths
    ]


def noisy(crossing: float, num_rounds: int, noise: float = 0.03) -> list[Record]:
    chance = random.Random(3)
    exact = planted(crossing)
    return [
        bench_record("train_time", m, n, [exact(m, n) * math.exp(chance.gauss(0, noise)) for _ in range(num_rounds)])
        for m in ("lstm", "attention")
        for n in LENGTHS
    ]


def only(records: Sequence[Record], metric: str, **axes: Any) -> Record:
    (found,) = (r for r in records if r.metric == metric and axes.items() <= r.axes.items())
    return found


def said(records: Sequence[Record], beginning: str) -> str:
    """The one remark that begins so."""
    (found,) = (line for line in remarks([*records, *derive(records)]) if line.startswith(beginning))
    return found


# Exponents and crossings


@pytest.mark.parametrize("at", [90.0, 256.0, 700.0])
def test_a_planted_crossing_is_found_where_it_was_planted(at: float) -> None:
    found = only(derive(times(planted(at))), "crossing", model="lstm", of="train_time")
    assert found.median == pytest.approx(at)
    assert (found.low, found.high) == pytest.approx((at, at))
    assert (found.axes["seq_len_from"], found.axes["seq_len_to"]) == (64, 1024)


def test_planted_exponents_are_found() -> None:
    made = derive(times(planted(256)))
    assert only(made, "exponent", model="lstm").median == pytest.approx(1.0)
    assert only(made, "exponent", model="attention").median == pytest.approx(1.5)


def test_each_pass_has_exponents_and_crossings_of_its_own() -> None:
    records = [*times(planted(200), metric="forward_time"), *times(planted(500), metric="train_time")]
    made = derive(records)
    assert only(made, "crossing", of="forward_time").median == pytest.approx(200)
    assert only(made, "crossing", of="train_time").median == pytest.approx(500)


def test_with_noise_the_interval_holds_the_planted_crossing() -> None:
    found = only(derive(noisy(256, num_rounds=12)), "crossing", model="lstm")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 256 < found.high < 1.5 * found.low


def test_models_are_compared_under_the_same_settings_only() -> None:
    records = [*times(planted(200), threads=1), *times(planted(500), threads=2)]
    made = derive(records)
    assert only(made, "crossing", threads=1).median == pytest.approx(200)
    assert only(made, "crossing", threads=2).median == pytest.approx(500)


def test_lengths_that_only_one_model_reached_are_left_out_of_a_crossing() -> None:
    records = times(planted(256), lengths=LENGTHS[:4], models=["attention"]) + times(planted(256), models=["lstm"])
    found = only(derive(records), "crossing")
    assert found.median == pytest.approx(256)
    assert found.axes["seq_len_to"] == 512


def test_attention_does_not_cross_itself() -> None:
    assert [r for r in derive(times(planted(256), models=["attention"])) if r.metric == "crossing"] == []


def test_one_length_has_neither_exponent_nor_crossing() -> None:
    assert derive(times(planted(256), lengths=[64])) == []


def failed(record: Record) -> Record:
    return replace(record, status="out_of_memory", error="too large", samples=[], median=None, low=None, high=None)


def test_a_failed_length_is_left_out() -> None:
    records = times(planted(256))
    made = derive([*records[:-1], failed(records[-1])])
    assert only(made, "exponent", model="attention").axes["seq_len_to"] == 512
    assert only(made, "exponent", model="lstm").axes["seq_len_to"] == 1024
    assert only(made, "crossing").axes["seq_len_to"] == 512


# What is said of crossings


def test_a_crossing_says_who_is_faster_beyond_it() -> None:
    line = said(times(planted(256)), "Crossing, train")
    assert line == "Crossing, train, lstm and attention: beyond seq_len 256 [256, 256] lstm is faster."


def test_a_crossing_the_other_way_round_says_so() -> None:
    exact = planted(256)
    swapped = {"lstm": "attention", "attention": "lstm"}
    line = said(times(lambda model, length: exact(swapped[model], length)), "Crossing, train")
    assert line == "Crossing, train, lstm and attention: beyond seq_len 256 [256, 256] attention is faster."


def test_a_crossing_above_the_range_is_said_to_be_outside() -> None:
    line = said(times(planted(9000)), "Crossing, train")
    assert line.endswith("outside the measured range; lstm is slower at every seq_len from 64 to 1024.")


def test_a_crossing_below_the_range_is_said_to_be_outside() -> None:
    line = said(times(planted(9)), "Crossing, train")
    assert line.endswith("outside the measured range; lstm is faster at every seq_len from 64 to 1024.")


def by_round(*crossings: float) -> list[Record]:
    """Rounds whose curves cross at different lengths."""
    curves = [planted(at) for at in crossings]
    return [
        bench_record("train_time", model, length, [curve(model, length) for curve in curves])
        for model in ("lstm", "attention")
        for length in LENGTHS
    ]


def test_a_crossing_that_half_of_the_rounds_show_is_undecided() -> None:
    line = said(by_round(100, 9, 110, 8, 120, 7), "Crossing, train")
    assert "at every seq_len" not in line
    assert "undecided within 64 to 1024; settled is that lstm is faster from 120 on" in line


def test_rounds_that_disagree_on_who_is_faster_are_undecided() -> None:
    line = said(by_round(9, 9000, 9, 9000, 9, 9000), "Crossing, train")
    assert line.endswith(
        ": undecided within 64 to 1024; too nearly parallel, or too noisy, to tell which one is faster at any of them."
    )


def test_a_crossing_whose_one_end_is_settled_says_which() -> None:
    records = by_round(100, 110, 120, 130, 140, 9)
    line = said(records, "Crossing, train")
    assert line.endswith(": undecided within 64 to 1024; settled is that lstm is faster from 140 on.")
    found = only(derive(records), "crossing")
    assert (found.median, found.low, found.high) == (None, None, None)
    assert len(found.samples) == 6


def test_nearly_parallel_curves_are_not_told_from_each_other() -> None:
    """The last change of sign was told as where one of them becomes the faster one."""
    chance = random.Random(7)
    records = [
        bench_record(
            "train_time",
            model,
            n,
            [n * math.exp((model == "attention") * 0.05 * math.log(n / 300) + chance.gauss(0, 0.2)) for _ in range(12)],
        )
        for model in ("lstm", "attention")
        for n in LENGTHS
    ]
    assert "undecided within 64 to 1024; too nearly parallel, or too noisy" in said(records, "Crossing, train")
    assert only(derive(records), "crossing").details["stretches"] == []


def test_curves_that_cross_twice_say_so() -> None:
    slow = {64: 2.0, 128: 2.0, 256: 0.5, 512: 2.0, 1024: 2.0}
    line = said(times(lambda model, n: n * (slow[n] if model == "lstm" else 1.0)), "Crossing, train")
    assert "undecided; they cross more than once within 64 to 1024: lstm is slower up to 1" in line
    assert ", faster from " in line


def test_one_round_says_so_far() -> None:
    line = said(times(planted(9000), rounds=[1.0]), "Crossing, train")
    assert line.endswith(": undecided; 1 round; an interval at 95% needs 6; so far lstm is slower from 64 to 1024.")


def test_few_rounds_have_a_crossing_and_no_interval() -> None:
    line = said(times(planted(256), rounds=[1.0, 1.1]), "Crossing, train")
    assert "beyond seq_len 256 (no interval)" in line
    assert "2 rounds; an interval at 95% needs 6" in line


def test_growth_is_said_for_every_model() -> None:
    line = said(times(planted(256)), "Growth of training time")
    assert "from 64 to 1024: lstm 1.00 [1.00, 1.00]; attention 1.50 [1.50, 1.50]." in line


# Claims


def test_attention_trains_faster_up_to_the_crossing_and_not_beyond() -> None:
    line = said(times(planted(200)), 'Claim "attention trains faster than lstm"')
    assert line.endswith(": holds at seq_len 64, 128; does not hold here at seq_len 256, 512, 1024.")


def test_a_ratio_whose_interval_holds_one_is_undecided() -> None:
    line = said(by_round(100, 300, 100, 300, 100, 300), 'Claim "attention trains faster than lstm"')
    assert line.endswith(
        ": holds at seq_len 64; does not hold here at seq_len 512, 1024; undecided at seq_len 128, 256."
    )


def test_unequal_numbers_of_rounds_of_the_same_times_decide_nothing() -> None:
    chance = random.Random(5)
    values = [chance.uniform(1e-3, 2e-3) for _ in range(12)]
    records = [
        bench_record("train_time", model, length, values[:num_rounds])
        for model, num_rounds in (("lstm", 8), ("attention", 12))
        for length in LENGTHS
    ]
    line = said(records, 'Claim "attention trains faster than lstm"')
    assert line.endswith(": undecided at seq_len 64, 128, 256, 512, 1024.")
    assert "undecided" in said(records, "Claim \"attention's time grows faster")


def test_growth_is_decided_by_intervals_that_do_not_touch() -> None:
    claim = "Claim \"attention's time grows faster with length than lstm's\""
    assert said(times(planted(256)), claim).startswith(f"{claim}: holds (1.50 [")
    exact = planted(256)
    swapped = {"lstm": "attention", "attention": "lstm"}
    other_way = times(lambda model, length: exact(swapped[model], length))
    assert said(other_way, claim).startswith(f"{claim}: does not hold here (1.00 [")
    alike = times(lambda model, length: LINEAR * length)
    assert said(alike, claim).startswith(f"{claim}: undecided (")


def test_growth_is_decided_over_the_lengths_that_a_model_has_where_its_longest_was_left_out() -> None:
    """The claim vanished without a word."""
    short = times(planted(256), models=["lstm"], lengths=LENGTHS[:-1])
    records = [*short, *times(planted(256), models=["gru", "attention"])]
    for model in ("lstm", "gru"):
        claim = f"Claim \"attention's time grows faster with length than {model}'s\""
        assert said(records, claim).startswith(f"{claim}: holds (1.50 [")
    assert said(records, "Growth of training time, b in seq_len^b from 64 to 512").endswith(
        ": lstm 1.00 [1.00, 1.00]; attention 1.50 [1.50, 1.50]."
    )


def test_growth_whose_intervals_touch_is_undecided_whatever_the_medians() -> None:
    growth = (1.4, 0.9, 1.5, 0.8, 1.3, 1.2)
    attention = [bench_record("train_time", "attention", n, [1e-6 * n**b for b in growth]) for n in LENGTHS]
    records = [*times(planted(256), rounds=STEADY, models=["lstm"]), *attention]
    line = said(records, "Claim \"attention's time grows faster with length than lstm's\"")
    assert ": undecided (1.25 [0.800, 1.50] against 1.00 [1.00, 1.00])" in line


def memory(exponent: float, rounds: Sequence[float] = STEADY) -> list[Record]:
    return [
        bench_record(
            "peak_memory", "attention", n, [4 * MIB * (n / 256) ** exponent * r for r in rounds], {"pass": "train"}
        )
        for n in LENGTHS
    ]


@pytest.mark.parametrize(("exponent", "verdict"), [(2.0, "holds"), (1.0, "does not hold here"), (1.5, "undecided")])
def test_memory_grows_with_the_square_or_not(exponent: float, verdict: str) -> None:
    records = [*times(planted(256)), *memory(exponent)]
    line = said(records, 'Claim "attention needs memory that grows with seq_len^2"')
    assert f", attention: {verdict} (exponent {exponent:.2f} [" in line
    assert line.endswith("512 to 1024).")


def test_memory_that_is_too_small_to_tell_claims_nothing() -> None:
    small = [bench_record("peak_memory", "attention", n, [100.0 * n] * 6, {"pass": "train"}) for n in LENGTHS]
    assert not any("needs memory" in line for line in remarks([*times(planted(256)), *small]))


@pytest.mark.parametrize(("gain", "verdict"), [(1.8, "gains"), (0.8, "loses"), (1.0, "undecided")])
def test_threads_that_gain_or_lose(gain: float, verdict: str) -> None:
    one = times(planted(256), threads=1)
    four = times(lambda model, length: planted(256)(model, length) / gain, threads=4)
    line = said([*one, *four], "Parallelism, lstm")
    assert f" at seq_len 1024, 1 to 4 threads: {verdict}, speed-up {units.significant(gain)} [" in line


def test_a_loop_over_cells_is_compared_with_the_same_lstm_and_makes_no_claim() -> None:
    exact = planted(256)
    records = times(
        lambda model, length: exact(model, length) * (30 if model == "lstm-cell" else 1),
        models=("lstm", "lstm-cell", "attention"),
    )
    assert "takes 30.0 [30.0, 30.0] times as long at seq_len 1024" in said(records, "The same LSTM as a Python loop")
    assert not any(line.startswith("Claim") and "lstm-cell" in line for line in remarks([*records, *derive(records)]))


def test_below_six_rounds_no_claim_is_decided_and_that_is_said() -> None:
    records = times(planted(256), rounds=[1.0] * 5)
    assert said(records, "No claim is decided") == (
        "No claim is decided: that takes intervals, and they take 6 rounds."
    )
    assert not any(line.startswith("Claim") for line in remarks([*records, *derive(records)]))


def test_a_run_without_numbers_claims_nothing() -> None:
    nothing = ["No claim is decided: that takes intervals, and they take 6 rounds."]
    assert remarks([]) == nothing
    assert remarks([failed(record) for record in times(planted(256))]) == nothing


# Rates


def a_case(seconds: Sequence[float], **case: Any) -> list[Record]:
    shape = {"batch_size": 4, "d_model": 32} | case
    return [
        bench_record("train_time", "attention", 64, seconds, **shape),
        bench_record("flops", "attention", 64, [1e9], {"pass": "train"}, **shape),
        bench_record("flops", "attention", 64, [3e8], {"pass": "forward"}, **shape),
        bench_record("num_params", "attention", 64, [5000], **shape),
    ]


def peak(metric: str, by_number: dict[int, float]) -> Record:
    return of_rounds(BENCH.metric(metric, ANCHOR), ANCHOR, by_number)


def test_tokens_a_second() -> None:
    assert only(expand(a_case([0.001] * 6)), "tokens_per_second").median == pytest.approx(4 * 64 / 0.001)


def test_flops_a_second_are_those_of_the_training_pass() -> None:
    assert only(expand(a_case([0.001] * 6)), "flops_per_second").median == pytest.approx(1e12)


def test_the_fastest_round_is_the_upper_end_of_a_rate() -> None:
    found = only(expand(a_case([0.001, 0.002, 0.003, 0.004, 0.005, 0.010])), "flops_per_second")
    assert (found.low, found.high) == pytest.approx((1e11, 1e12))


def test_the_share_of_the_peak_is_formed_within_rounds() -> None:
    records = [*a_case([0.001 * d for d in DRIFT]), peak("peak_flops", {i: 4e12 / d for i, d in enumerate(DRIFT)})]
    found = only(expand(records), "flops_fraction")
    assert (found.low, found.median, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_a_round_without_a_peak_does_not_shift_the_later_ones() -> None:
    slower = [2.0**number for number in range(6)]
    peaks = {i: 4e12 / d for i, d in enumerate(slower) if i != 1}
    records = [*a_case([0.001 * d for d in slower]), peak("peak_flops", peaks)]
    assert only(expand(records), "flops_fraction").median == pytest.approx(0.25)


def test_the_share_of_the_bandwidth_counts_the_bytes_no_pass_can_avoid() -> None:
    records = [*a_case([0.001] * 6), peak("peak_bandwidth", dict.fromkeys(range(6), 1e9))]
    moved = 4 * (4 * 4 * 64 * 32 + 2 * 5000)
    assert least_bytes(records[0].axes, 5000) == moved
    assert only(expand(records), "bandwidth_fraction").median == pytest.approx(moved / 0.001 / 1e9)


def test_the_bytes_of_a_matched_model_are_those_of_its_own_width() -> None:
    records = [*a_case([0.001] * 6, match="flops"), peak("peak_bandwidth", dict.fromkeys(range(6), 1e9))]
    records.append(bench_record("width", "attention", 64, [48], batch_size=4, d_model=32, match="flops"))
    moved = 4 * (4 * 4 * 64 * 48 + 2 * 5000)
    assert only(expand(records), "bandwidth_fraction").median == pytest.approx(moved / 0.001 / 1e9)


def test_unknown_flops_have_no_rate() -> None:
    records = [
        a_case([0.001] * 6)[0],
        bench_record("flops", "attention", 64, [None], {"pass": "train"}, batch_size=4, d_model=32),
    ]
    assert {r.metric for r in expand(records)} == {"tokens_per_second"}


def test_a_ratio_is_the_model_by_attention_in_the_same_round() -> None:
    records = times(lambda model, length: 3.0 if model == "lstm" else 2.0, lengths=[64])
    found = only(expand(records), "ratio")
    assert (found.axes["model"], found.axes["of"]) == ("lstm", "train_time")
    assert (found.low, found.median, found.high) == (1.5, 1.5, 1.5)


def test_the_peak_is_said_with_the_setting_it_holds_for() -> None:
    records = [peak("peak_flops", {0: 2e11}), peak("peak_bandwidth", {0: 2.5e10})]
    line = said(records, "Peak of this machine")
    assert line.startswith("Peak of this machine (cpu, float32, 2 threads): 200 GFLOP/s in a matrix product, 25.0 GB/s")


@pytest.mark.parametrize(("rate", "told"), [(1e11, True), (1.9e11, False)])
def test_a_product_of_torch_that_is_far_from_the_peak_is_said_to_be(rate: float, told: bool) -> None:
    by_mm = ANCHOR | {"by": "mm"}
    product = of_rounds(BENCH.metric("product_flops", by_mm), by_mm, {0: rate})
    line = said([peak("peak_flops", {0: 2e11}), product], "Peak of this machine")
    assert ("torch's own product (mm)" in line) == told
    assert ("reaches 100 GFLOP/s" in line) == told


# Figures


def shown(records: Sequence[Record]) -> dict[str, Any]:
    return {figure.name: figure for figure in figures([*records, *derive(records)])}


def test_a_figure_has_a_line_a_model_and_a_mark_at_the_crossing() -> None:
    figure = shown(times(planted(200)))["train_time"]
    assert [series.label for series in figure.series] == ["lstm", "attention"]
    assert figure.series[0].x == list(LENGTHS)
    (mark,) = figure.marks
    assert mark.label == "lstm = attention at 200"
    assert mark.x == pytest.approx(200)
    assert mark.y == pytest.approx(LINEAR * 200 * median(DRIFT))


def test_a_mark_lies_on_the_line_of_attention() -> None:
    (mark,) = shown(times(planted(200), rounds=STEADY))["train_time"].marks
    assert mark.y == pytest.approx(LINEAR * 200)


def test_lines_have_their_intervals() -> None:
    (line, _) = shown(times(planted(200), lengths=[64, 128]))["train_time"].series
    assert line.low == pytest.approx([LINEAR * n * min(DRIFT) for n in (64, 128)])
    assert line.high == pytest.approx([LINEAR * n * max(DRIFT) for n in (64, 128)])


def test_curves_that_differ_in_more_than_the_model_say_in_what() -> None:
    records = [*times(planted(200), threads=1), *times(planted(200), threads=2)]
    labels = [series.label for series in shown(records)["train_time"].series]
    assert labels == ["lstm threads 1", "attention threads 1", "lstm threads 2", "attention threads 2"]


def test_crossings_are_marked_under_several_settings_too() -> None:
    records = [*times(planted(200), threads=1), *times(planted(500), threads=2)]
    assert sorted(mark.x for mark in shown(records)["train_time"].marks) == pytest.approx([200, 500])


def test_only_what_was_measured_is_drawn() -> None:
    assert list(shown(times(planted(200)))) == ["train_time"]
    assert list(shown(memory(2.0))) == ["peak_memory_train"]
    assert shown([]) == {}


def test_a_call_that_needs_no_memory_is_not_drawn_at_zero() -> None:
    records = [
        bench_record("peak_memory", "attention", n, [m] * 6, {"pass": "train"}) for n, m in ((64, 0), (128, MIB))
    ]
    assert shown(records)["peak_memory_train"].series[0].x == [128]
