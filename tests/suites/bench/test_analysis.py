"""What `bench` reads out of records with a planted answer: rates, growth, crossings."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import bench_record, of_rounds
from planted_bench import DRIFT, LENGTHS, by_round, failed, forward, planted, said, times

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.bench.analysis import derive, expand, least_bytes
from rnn_vs_attn.suites.bench.suite import BENCH

ANCHOR = {"device": "cpu", "dtype": "float32", "threads": 2}


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


def test_a_length_that_a_model_lacks_between_its_ends_makes_no_second_exponent_of_the_same_axes() -> None:
    """Attention had two of them, over all lengths and over those of the other model, and a run could not be read again.

    In logarithms to base 2 its times are 0, 3, 2, 3 and 4: a slope of (-3 + 3 + 2 * 4) / 10 over all five of them.
    """
    own = times(planted(256), models=["layer.py:Own"], lengths=[64, 256, 1024])
    bent = {64: 1.0, 128: 8.0, 256: 4.0, 512: 8.0, 1024: 16.0}
    found = derive([*own, *times(lambda model, n: bent[n], models=["attention"])])
    assert len({record.key for record in found}) == len(found)
    assert only(found, "exponent", model="attention").median == pytest.approx(0.8)
    assert only(found, "exponent", model="layer.py:Own").median == pytest.approx(1.0)


def test_a_failed_length_is_left_out() -> None:
    records = times(planted(256))
    made = derive([*records[:-1], failed(records[-1])])
    assert only(made, "exponent", model="attention").axes["seq_len_to"] == 512
    assert only(made, "exponent", model="lstm").axes["seq_len_to"] == 1024
    assert only(made, "crossing").axes["seq_len_to"] == 512


# What is said of crossings


def test_a_crossing_that_half_of_the_rounds_show_is_undecided() -> None:
    line = said(forward(by_round(100, 9, 110, 8, 120, 7)), "Crossing, forward")
    assert "at every seq_len" not in line
    assert "undecided within 64 to 1024; settled is that lstm is faster from 120 on" in line


def test_rounds_that_disagree_on_who_is_faster_are_undecided() -> None:
    line = said(forward(by_round(9, 9000, 9, 9000, 9, 9000)), "Crossing, forward")
    assert line.endswith(
        ": undecided within 64 to 1024; too nearly parallel, or too noisy, to tell which one is faster at any of them."
    )


def test_a_crossing_whose_one_end_is_settled_says_which() -> None:
    records = by_round(100, 110, 120, 130, 140, 9)
    line = said(forward(records), "Crossing, forward")
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
    assert "undecided within 64 to 1024; too nearly parallel, or too noisy" in said(
        forward(records), "Crossing, forward"
    )
    assert only(derive(records), "crossing").details["stretches"] == []


def test_curves_that_cross_twice_say_so() -> None:
    slow = {64: 2.0, 128: 2.0, 256: 0.5, 512: 2.0, 1024: 2.0}
    line = said(forward(times(lambda model, n: n * (slow[n] if model == "lstm" else 1.0))), "Crossing, forward")
    assert "undecided; they cross more than once within 64 to 1024: lstm is slower up to 1" in line
    assert ", faster from " in line


def test_one_round_says_so_far() -> None:
    line = said(forward(times(planted(9000), rounds=[1.0])), "Crossing, forward")
    assert line.endswith(": undecided; 1 round; an interval at 95% needs 6; so far lstm is slower from 64 to 1024.")


def test_few_rounds_have_a_crossing_and_no_interval() -> None:
    line = said(forward(times(planted(256), rounds=[1.0, 1.1])), "Crossing, forward")
    assert "beyond seq_len 256 (no interval)" in line
    assert "2 rounds; an interval at 95% needs 6" in line


def test_growth_is_said_for_every_model() -> None:
    line = said(times(planted(256)), "Growth of training time")
    assert "from 64 to 1024: lstm 1.00 [1.00, 1.00]; attention 1.50 [1.50, 1.50]." in line


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
