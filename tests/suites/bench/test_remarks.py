"""What `bench` says in words of records with a planted answer."""

from __future__ import annotations

import random

import pytest
from fakes import bench_record
from planted_bench import LENGTHS, LINEAR, STEADY, by_round, failed, memory, planted, said, times

from rnn_vs_attn import units
from rnn_vs_attn.suites.bench.analysis import derive
from rnn_vs_attn.suites.bench.remarks import remarks

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
