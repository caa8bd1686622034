""" "Self-attention is cheaper while n < d", of times whose crossing is planted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import record
from planted_scaling import GRID, ROUNDS, claim, exact_records, only, timed, verdict

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER

BOTH = {"attention": LAYER, "lstm": LAYER}
FORWARD, TRAIN = "cheaper-below-d-forward", "cheaper-below-d-train"


def crossing_at(length: Callable[[int], float], widths: list[int]) -> list[Record]:
    """Times of which attention's are the smaller ones up to length(d)."""
    return timed(lambda m, n, d, t: 1e-9 * d * (n * n if m == "attention" else n * length(d)), BOTH, GRID[0], widths)


def test_one_width_of_which_it_is_not_so_decides_the_claim() -> None:
    records = crossing_at(lambda d: 2 * d if d < 200 else 192, [64, 128, 256])
    for width, expected in ((128, 256), (256, 192)):
        record = only(derive(records), "crossing", of="forward_time", d_model=width)
        assert record.median == pytest.approx(expected)
    found = claim(records, "lstm", TRAIN)
    assert found.text == "attention trains faster than lstm while n < d (fewer tokens than its width)"
    assert found.verdict == "does not hold here"
    assert found.figure == "It is faster up to n = 192 [192, 192] at d = 256"  # that width alone is what decides it


def test_widths_below_which_no_length_was_measured_are_left_out_and_named() -> None:
    found = claim(crossing_at(lambda d: 2 * d, [64, 128, 256]), "lstm", TRAIN)
    assert found.verdict == "holds"
    assert (
        found.figure == "It is faster up to n = 256 [256, 256] at d = 128; faster up to n = 512 [512, 512] at d = 256"
    )
    assert found.why == "d = 64 takes shorter sequences: --seq-len 16:2048"
    alone = claim(crossing_at(lambda d: 2 * d, [64]), "lstm", TRAIN)
    assert alone.verdict == "undecided"
    assert alone.why == "d = 64 takes shorter sequences: --seq-len 16:2048"


def test_the_longest_sequence_of_any_width_is_among_those_to_give() -> None:
    records = crossing_at(lambda d: 2 * d, [32, 64])
    short = [r for r in records if (r.axes["d_model"], r.axes["seq_len"]) != (32, 2048)]
    assert claim(short, "lstm", TRAIN).why == "d = 32, 64 takes shorter sequences: --seq-len 8:2048"


def test_of_many_widths_three_are_told() -> None:
    found = claim(crossing_at(lambda d: 2 * d, [80, 96, 112, 128, 160, 192, 256]), "lstm", FORWARD)
    assert found.verdict == "holds"
    assert found.figure.count("at d = ") == 3


def test_flops_stand_behind_times() -> None:
    """8 n d^2 + 2 n (n + 1) d against 16 n d^2: equal at n + 1 = 4 d; a recurrence of two products has always fewer."""
    counts = exact_records(["attention", "lstm", "mingru"], [64, 128], [32])
    times = timed(lambda m, n, d, t: 1e-9 * n, {**BOTH, "mingru": LAYER}, [64, 128], [32])
    assert "in FLOPs it is cheaper up to n = 127 at d = 32" in claim([*counts, *times], "lstm", FORWARD).why
    assert "in FLOPs it is dearer at every n" in claim([*counts, *times], "mingru", FORWARD).why


def crossed(at: Callable[[int], float], lengths: list[int], width: int, rounds: int = len(ROUNDS)) -> str:
    """The verdict where attention takes at(n) and lstm n."""
    records = timed(
        lambda m, n, d, t: 1e-6 * (at(n) if m == "attention" else n), BOTH, lengths, [width], rounds=ROUNDS[:rounds]
    )
    return verdict(records, "lstm", FORWARD)


@pytest.mark.long
def test_a_crossing_is_a_claim_about_what_lies_below_it() -> None:
    lengths = [128, 256, 512, 1024, 2048]
    assert crossed(lambda n: n * n / 600, lengths, 512) == "holds"
    assert crossed(lambda n: n * n / 300, lengths, 512) == "does not hold here"
    assert crossed(lambda n: 600, lengths, 512) == "does not hold here"  # slower below 600, and faster beyond
    assert crossed(lambda n: n * n / 600, lengths, 64) == "undecided"  # no length below d
    assert crossed(lambda n: n / 2, lengths, 64) == "undecided"
    assert crossed(lambda n: n / 2, lengths, 1024) == "holds"
    assert crossed(lambda n: 2 * n, lengths, 1024) == "does not hold here"
    assert crossed(lambda n: n / 2, lengths, 1024, rounds=5) == "undecided"
    assert crossed(lambda n: 300 if n < 1024 else n * 2, lengths, 2048) == "undecided"  # more than one crossing


def test_below_six_rounds_it_says_how_many_it_takes() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * n * (2 if m == "lstm" else 1), BOTH, [64, 128], [256], rounds=ROUNDS[:5])
    found = claim(records, "lstm", FORWARD)
    assert found.verdict == "undecided"
    assert found.why.startswith("an interval takes 6 rounds: --rounds 6")


def test_times_of_the_hosts_launches_are_said_to_be_that() -> None:
    axes = {"model": "lstm", "part": LAYER, "seq_len": 64, "d_model": 256, "pass": "train"}
    records = [*crossing_at(lambda d: 2 * d, [256]), record("launch_bound", 1.0, unit="1", **axes)]
    assert claim(records, "lstm", TRAIN).why == "some of these times are those of the host's launches, not of the GPU"
