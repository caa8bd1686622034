"""What `bench` says in words of records with a planted answer."""

from __future__ import annotations

from planted_bench import LENGTHS, failed, forward, found, planted, said, swapped, times

from rnn_vs_attn.suites.bench.analysis import derive
from rnn_vs_attn.suites.bench.remarks import remarks

# What is said of crossings


def test_a_crossing_says_who_is_faster_beyond_it() -> None:
    line = said(forward(times(planted(256))), "Crossing, forward")
    assert line == "Crossing, forward, lstm and attention: beyond seq_len 256 [256, 256] lstm is faster."


def test_a_crossing_the_other_way_round_says_so() -> None:
    line = said(forward(times(swapped(256))), "Crossing, forward")
    assert line == "Crossing, forward, lstm and attention: beyond seq_len 256 [256, 256] attention is faster."


def test_a_crossing_above_the_range_is_said_to_be_outside() -> None:
    line = said(forward(times(planted(9000))), "Crossing, forward")
    assert line.endswith("outside the measured range; lstm is slower at every seq_len from 64 to 1024.")


def test_a_crossing_below_the_range_is_said_to_be_outside() -> None:
    line = said(forward(times(planted(9))), "Crossing, forward")
    assert line.endswith("outside the measured range; lstm is faster at every seq_len from 64 to 1024.")


def test_what_a_claim_says_of_training_is_not_said_twice() -> None:
    records = times(planted(256))
    assert found(records)
    assert not any("Crossing" in line for line in remarks([*records, *derive(records)]))


def test_growth_over_the_lengths_that_a_model_has_where_its_longest_was_left_out() -> None:
    short = times(planted(256), models=["lstm"], lengths=LENGTHS[:-1])
    records = [*short, *times(planted(256), models=["gru", "attention"])]
    assert said(records, "Growth of training time, b in seq_len^b from 64 to 512").endswith(
        ": lstm 1.00 [1.00, 1.00]; attention 1.50 [1.50, 1.50]."
    )


def test_a_run_without_numbers_says_nothing() -> None:
    assert remarks([]) == []
    assert remarks([failed(record) for record in times(planted(256))]) == []


def test_cases_that_differ_in_what_few_models_take_are_told_apart() -> None:
    """Both were called conv."""
    records = [r for size in (2, 4) for r in times(planted(256), models=["conv", "attention"], kernel_size=size)]
    growth = said(records, "Growth of training time")
    assert "conv (kernel_size 2) 1.00 [1.00, 1.00]; " in growth
    assert "conv (kernel_size 4) 1.00 [1.00, 1.00]; " in growth
    made = forward(records)
    lines = [line for line in remarks([*made, *derive(made)]) if line.startswith("Crossing")]
    assert [line.split(" and attention")[0] for line in lines] == [
        "Crossing, forward, conv (kernel_size 2)",
        "Crossing, forward, conv (kernel_size 4)",
    ]
