"""Complexities of Table 1, of times that grow with a planted exponent."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fakes import record
from planted_scaling import GRID, LSTM, ROUNDS, claim, exact_records, timed, verdict

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.scaling.case import LAYER, MIXING


def grown(power: float, noise: float = 0.01, rounds: tuple[float, ...] = ROUNDS) -> list[Record]:
    """lstm, whose time grows with a power of the length."""
    return timed(lambda m, n, d, t: 1e-9 * n**power * d**2, LSTM, *GRID, noise=noise, rounds=rounds)


@pytest.mark.parametrize(
    ("power", "noise", "word"), [(1.0, 0.01, "holds"), (1.5, 0.01, "does not hold here"), (1.0, 0.8, "undecided")]
)
def test_an_exponent_decides_its_cell(power: float, noise: float, word: str) -> None:
    assert verdict(grown(power, noise), "lstm", "time-over-n") == word


def test_a_cell_that_holds_says_what_was_measured_where() -> None:
    found = claim(grown(1.0, noise=0.0), "lstm", "time-over-n")
    assert found.sentence == (
        "The time of lstm grows as n: holds. A forward pass grows as n^1.00 [1.00, 1.00] and training as n^1.00 "
        "[1.00, 1.00], from n = 256 to 2048; the paper's Table 1 has O(n · d²)."
    )
    assert claim(grown(1.0, noise=0.0), "lstm", "time-over-d").text == "The time of lstm grows as d²"


def test_what_an_exponent_lacks_is_speed_at_the_small_sizes() -> None:
    """FLOPs grow as n and time as n^0.5: over three octaves the pass becomes 8^0.5 = 2.8 times as fast."""
    counts = exact_records(["lstm"], [256, 512, 1024, 2048], [8])
    times = timed(lambda m, n, d, t: 1e-9 * n**0.5, LSTM, [256, 512, 1024, 2048], [8])
    window = {"window": 16}  # as the counts have it
    alike = [dataclasses.replace(r, axes=r.axes | window) for r in times]
    found = claim([*counts, *alike], "lstm", "time-over-n")
    assert found.verdict == "does not hold here"
    assert "its FLOPs grow as n^1.00, and at n = 2048 it computes 2.8 times as many a second as at 256" in found.why


def test_below_six_rounds_nothing_is_decided() -> None:
    found = claim(grown(1.0, rounds=ROUNDS[:5]), "lstm", "time-over-n")
    assert found.verdict == "undecided"
    assert found.why.startswith("an interval takes 6 rounds: --rounds 6")


def test_an_interval_that_lies_partly_in_the_band_says_which_that_is() -> None:
    found = claim(grown(1.0, noise=0.8), "lstm", "time-over-n")
    assert found.why.startswith("0.85 to 1.15 counts as 1; more rounds narrow the interval, such as --rounds 12; ")


def test_a_single_length_or_width_is_undecided_and_says_what_to_give() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, [512], [64])
    for key, option in (("time-over-n", "give --seq-len 512:2048"), ("time-over-d", "give --d-model 64:256")):
        found = claim(records, "lstm", key)
        assert (found.verdict, found.figure) == ("undecided", "No exponent was fitted")
        assert option in found.why


def test_a_fit_that_is_not_straight_is_said() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * (n + 500) * d**2, LSTM, *GRID, noise=0.01)
    assert "the line is not straight: n^0." in claim(records, "lstm", "time-over-n").why


def test_attention_is_judged_between_its_projections() -> None:
    whole = timed(lambda m, n, d, t: 1e-9 * n**1.2 * d**2, {"attention": LAYER}, *GRID)
    between = timed(lambda m, n, d, t: 1e-9 * n**2 * d, {"attention": MIXING}, *GRID)
    found = claim([*whole, *between], "attention", "time-over-n")
    assert found.verdict == "holds"
    assert found.figure.startswith("Between its projections a forward pass grows as n^2.00 [2.00, 2.00]")
    assert verdict(whole, "attention", "time-over-n") == "undecided"


@pytest.mark.parametrize(("part", "said"), [(LAYER, True), (MIXING, False)])
def test_times_of_the_hosts_launches_are_said_to_be_that(part: str, said: bool) -> None:
    """Of the part whose times the exponent is of."""
    bound = record(
        "launch_bound", 1.0, unit="1", model="lstm", part=part, seq_len=256, d_model=128, **{"pass": "forward"}
    )
    why = claim([*grown(1.0), bound], "lstm", "time-over-n").why
    assert ("those of the host's launches, not of the GPU" in why) == said


def failed(records: list[Record], metric: str, **axes: str | int) -> list[Record]:
    """The same, of which some passes ran out of memory."""
    lost: dict[str, Any] = {
        "status": "out_of_memory",
        "error": "too large",
        "samples": [],
        "median": None,
        "low": None,
        "high": None,
    }
    return [
        dataclasses.replace(r, **lost) if r.metric == metric and axes.items() <= r.axes.items() else r for r in records
    ]


def test_training_that_ran_out_of_memory_earlier_has_lengths_of_its_own() -> None:
    """Its exponent was told as one up to 2,048 tokens."""
    found = claim(failed(grown(1.0, noise=0.0), "train_time", seq_len=2048), "lstm", "time-over-n")
    assert found.figure == (
        "A forward pass grows as n^1.00 [1.00, 1.00], from n = 256 to 2048, and training as n^1.00 [1.00, 1.00], from "
        "n = 128 to 1024"
    )


def test_of_another_part_training_is_not_told() -> None:
    """Of lstm, as of attention the whole is fitted only where its projections are few."""
    between = timed(lambda m, n, d, t: 1e-9 * n * d, {"lstm": MIXING}, *GRID)
    figure = claim([*grown(1.5), *failed(between, "train_time")], "lstm", "time-over-n").figure
    assert figure == "Between its projections a forward pass grows as n^1.00 [1.00, 1.00], from n = 256 to 2048"


def test_where_passes_failed_it_does_not_ask_for_the_sizes_that_were_given() -> None:
    """Widths are compared at the longest sequence, of which there is no time."""
    both = timed(lambda m, n, d, t: 1e-9 * n * d**2, {"lstm": LAYER, "conv": LAYER}, *GRID)
    over_d = claim(failed(both, "forward_time", model="lstm", seq_len=2048), "lstm", "time-over-d")
    assert over_d.figure == "No exponent was fitted"
    assert over_d.why.startswith("a fit takes 3 sizes or more, and some passes have no time: out of memory; ")
    few = claim(failed(both, "forward_time", model="lstm"), "lstm", "time-over-n")
    assert few.why.startswith("no pass was timed: out of memory; ")
