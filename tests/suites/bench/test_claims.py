"""What `bench` claims of records with a planted answer."""

from __future__ import annotations

import random

import pytest
from fakes import bench_record, of_rounds
from planted_bench import (
    LENGTHS,
    LINEAR,
    STEADY,
    by_round,
    claim,
    failed,
    flops,
    found,
    launched,
    memory,
    planted,
    swapped,
    times,
)

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.suites.bench.claims import FASTER, GROWS, MEMORY

# Who trains faster


def test_attention_that_is_faster_at_every_length() -> None:
    one = claim(times(planted(9000)), FASTER)
    assert (one.text, one.verdict, one.axes) == ("Attention trains faster than lstm", HOLDS, {"model": "lstm"})
    assert one.figure == (
        "From 64 to 1,024 tokens attention is faster; "
        "at 1,024 lstm takes 2.96 [2.96, 2.96] times as long as attention"  # (9000 / 1024) ** 0.5
    )


def test_lengths_at_which_attention_had_no_memory_are_told_beside_those_at_which_it_is_faster() -> None:
    records = [
        failed(r) if r.axes["model"] == "attention" and int(r.axes["seq_len"] or 0) > 256 else r
        for r in times(planted(9000))
    ]
    one = claim(records, FASTER)
    assert one.verdict == HOLDS
    assert one.figure.startswith("From 64 to 256 tokens attention is faster")
    assert one.why == "attention has no time at 512, 1,024: out of memory"


def test_a_recurrence_that_is_faster_from_some_length_on() -> None:
    one = claim(times(planted(200)), FASTER)
    assert one.verdict == FAILS
    assert one.figure == (
        "From 200 [200, 200] tokens on lstm is faster; "
        "at 1,024 lstm takes 0.442 [0.442, 0.442] times as long as attention"  # (200 / 1024) ** 0.5
    )


def test_a_recurrence_that_is_faster_up_to_some_length_only() -> None:
    one = claim(times(swapped(256)), FASTER)
    assert one.verdict == FAILS
    assert one.figure.startswith("From 256 [256, 256] tokens on attention is faster; at 1,024 lstm takes 2.00 [")


def test_a_length_at_which_neither_is_settled_leaves_the_claim_open_and_says_what_it_takes() -> None:
    one = claim(by_round(900, 1100, 900, 1100, 900, 1100), FASTER)
    assert one.verdict == UNDECIDED
    assert one.figure.startswith("Up to 900 tokens attention is faster; at 1,024 lstm takes ")
    assert one.why == "open at 1,024: more rounds narrow the interval, such as --rounds 12"


def test_one_length_where_the_other_is_settled_to_be_faster_is_enough_for_the_claim_to_fail() -> None:
    one = claim(by_round(100, 300, 100, 300, 100, 300), FASTER)
    assert one.verdict == FAILS
    assert one.figure.startswith(
        "From 173 [100, 300] tokens on lstm is faster; at 1,024 lstm takes 0.427 [0.312, 0.541]"
    )


def test_why_a_time_is_what_it_is_by_operations_and_their_rate() -> None:
    """Half of the operations in a quarter of the time: twice as many a second."""
    records = times(lambda model, n: LINEAR * n * (0.25 if model == "lstm" else 1.0))
    one = claim([*records, *flops({"lstm": 1e9, "attention": 2e9})], FASTER)
    assert one.why == "it has 0.500 times the operations of attention and does 2.00 times as many a second"
    assert claim([*records, *flops({"lstm": 1e9})], FASTER).why == ""


def test_times_of_the_hosts_launches_are_said_to_be_that() -> None:
    records = [*times(planted(9000)), *flops({"lstm": 1e9, "attention": 2e9}), launched("attention", 1024)]
    why = claim(records, FASTER).why
    assert why == "that is the time of the host's launches, not the GPU's; --cuda-graphs removes it"
    assert claim(records, GROWS).why.startswith("some of these times are those of the host's launches")


def test_launches_at_shorter_lengths_are_said_too_as_the_verdict_rests_on_all() -> None:
    alike = flops({"lstm": 1e9, "attention": 2e9})
    one = claim([*times(planted(9000)), *alike, launched("lstm", 64), launched("attention", 128)], FASTER)
    why = "at 64, 128 that is the time of the host's launches, not the GPU's; --cuda-graphs removes it"
    assert (one.verdict, one.why) == (HOLDS, why)


def test_what_is_undecided_of_launches_does_not_take_more_rounds() -> None:
    """They would tell of the host."""
    why = "that is the time of the host's launches, not the GPU's; --cuda-graphs removes it"
    records = [*by_round(900, 1100, 900, 1100, 900, 1100), launched("lstm", 1024)]
    assert claim(records, FASTER).why == f"open at 1,024: {why}"
    level = [*times(lambda model, n: LINEAR * n), launched("lstm", 1024)]
    assert claim(level, FASTER).why == why
    assert claim(level, GROWS).why == "some of these times are those of the host's launches, not the GPU's"
    few = [*times(planted(9000), rounds=[1.0] * 5), launched("lstm", 1024)]
    assert claim(few, FASTER).why.startswith("an interval takes 6 rounds")


def test_one_length_is_enough_for_a_verdict() -> None:
    one = claim(times(planted(9000), lengths=[64]), FASTER)
    assert (one.verdict, one.figure) == (HOLDS, "At 64 tokens lstm takes 11.9 [11.9, 11.9] times as long as attention")


def test_unequal_numbers_of_rounds_of_the_same_times_decide_nothing() -> None:
    chance = random.Random(5)
    values = [chance.uniform(1e-3, 2e-3) for _ in range(12)]
    records = [
        bench_record("train_time", model, length, values[:num_rounds])
        for model, num_rounds in (("lstm", 8), ("attention", 12))
        for length in LENGTHS
    ]
    one = claim(records, FASTER)
    assert (one.verdict, one.why) == (UNDECIDED, "more rounds narrow the interval, such as --rounds 16")
    assert claim(records, GROWS).verdict == UNDECIDED


@pytest.mark.parametrize("rounds", [1, 5])
def test_below_six_rounds_nothing_is_decided_and_every_claim_says_what_it_takes(rounds: int) -> None:
    records = [*times(planted(200), rounds=[1.0] * rounds), *memory(2.0, [1.0] * rounds)]
    every = found(records)
    assert [one.key for one in every] == [FASTER, GROWS, MEMORY]
    assert {one.verdict for one in every} == {UNDECIDED}
    assert {one.why for one in every} == {"an interval takes 6 rounds: --rounds 6, with a --max-seconds that has them"}
    assert all("(no interval)" in one.figure for one in every)
    assert "so far" in every[0].figure.lower()


def test_a_claim_of_several_settings_says_which_and_its_axes_tell_it_apart() -> None:
    records = [*times(planted(9000), dtype="float32"), *times(planted(9), dtype="bfloat16")]
    for dtype, verdict in (("float32", HOLDS), ("bfloat16", FAILS)):
        one = claim(records, FASTER, dtype=dtype)
        assert (one.text, one.verdict) == (f"Attention trains faster than lstm (dtype {dtype})", verdict)
        assert one.axes == {"model": "lstm", "dtype": dtype}
    assert claim(records, GROWS, dtype="float32").axes == {"dtype": "float32"}


def test_settings_that_no_list_of_words_names_tell_claims_apart_too() -> None:
    """Claims of compiled and plain runs had one name."""
    records = [*times(planted(9000), compile=True), *times(planted(9), compile=False)]
    assert claim(records, FASTER, compile=True).text == "Attention trains faster than lstm (compile True)"
    assert claim(records, FASTER, compile=False).text == "Attention trains faster than lstm (compile False)"


def test_the_users_own_layers_come_first_and_recurrences_before_all_else() -> None:
    models = ["attention-naive", "lstm", "conv", "layer.py:Own", "attention"]
    records = times(lambda model, n: LINEAR * n * (1 + models.index(model)), models=models)
    assert [one.axes["model"] for one in found(records) if one.key == FASTER] == [
        "layer.py:Own",
        "lstm",
        "attention-naive",
        "conv",
    ]


def test_without_attention_models_stand_beside_the_first_that_is_built_in() -> None:
    slow = {"a.py:A": 1, "b.py:B": 3, "lstm": 2}
    records = times(lambda model, n: LINEAR * n * slow[model], models=list(slow))
    told = {one.axes["model"]: (one.text, one.verdict) for one in found(records)}
    assert told == {
        "a.py:A": ("a.py:A trains faster than lstm", HOLDS),
        "b.py:B": ("b.py:B trains faster than lstm", FAILS),
    }


def test_attention_that_failed_everywhere_is_no_baseline() -> None:
    records = times(planted(200), models=["lstm", "gru", "attention"])
    without = [failed(r) if r.axes["model"] == "attention" else r for r in records]
    assert [one.text for one in found(without)] == ["gru trains faster than lstm"]


def test_lengths_that_one_of_the_two_did_not_get_to_are_left_out() -> None:
    records = times(planted(9000))
    one = claim([*records[:-1], failed(records[-1])], FASTER)
    assert one.verdict == HOLDS
    assert one.figure.startswith("From 64 to 512 tokens attention is faster; at 512 lstm takes 4.19 [")


def test_a_run_without_numbers_claims_nothing() -> None:
    assert found([]) == []
    assert found([failed(record) for record in times(planted(256))]) == []
    assert found(times(planted(256), models=["lstm"])) == []


def test_rounds_that_have_one_of_two_each_decide_nothing() -> None:
    plain = times(planted(256), lengths=[64])
    one = claim([of_rounds(r.meaning, r.axes, {number: 1.0}) for number, r in enumerate(plain)], FASTER)
    assert (one.verdict, one.figure) == (UNDECIDED, "No round has times of both")


# Growth


def test_growth_is_decided_by_intervals_that_do_not_touch() -> None:
    one = claim(times(planted(256)), GROWS)
    assert (one.text, one.verdict) == ("Attention's time grows faster with length than that of a recurrence", HOLDS)
    assert one.figure == (
        "From 64 to 1,024 tokens twice the length takes attention 2.83 [2.83, 2.83] times as long "
        "and lstm 2.00 [2.00, 2.00]"
    )
    assert claim(times(swapped(256)), GROWS).verdict == FAILS
    assert claim(times(lambda model, length: LINEAR * length), GROWS).verdict == UNDECIDED


def test_of_several_recurrences_the_one_that_grows_most_stands_for_all_and_one_that_fails_decides() -> None:
    growth = {"rnn": 1.0, "gru": 1.2, "attention": 1.5}
    records = times(lambda model, n: 1e-6 * n ** growth[model], models=list(growth))
    assert claim(records, GROWS).figure.endswith("times as long and a recurrence at most 2.30 [2.30, 2.30] (gru)")
    growth["lstm"] = 1.9
    one = claim(times(lambda model, n: 1e-6 * n ** growth[model], models=list(growth)), GROWS)
    assert one.verdict == FAILS
    assert one.figure.endswith("times as long and lstm 3.73 [3.73, 3.73]")


def test_growth_is_decided_over_the_lengths_that_a_model_has_where_its_longest_was_left_out() -> None:
    short = times(planted(256), models=["lstm"], lengths=LENGTHS[:-1])
    one = claim([*short, *times(planted(256), models=["gru", "attention"])], GROWS)
    assert one.verdict == HOLDS


def test_growth_whose_intervals_touch_is_undecided_whatever_the_medians() -> None:
    growth = (1.4, 0.9, 1.5, 0.8, 1.3, 1.2)
    attention = [bench_record("train_time", "attention", n, [1e-6 * n**b for b in growth]) for n in LENGTHS]
    one = claim([*times(planted(256), rounds=STEADY, models=["lstm"]), *attention], GROWS)
    assert one.verdict == UNDECIDED
    assert "takes attention 2.38 [1.74, 2.83] times as long and lstm 2.00 [2.00, 2.00]" in one.figure


def test_a_loop_in_python_says_nothing_of_the_growth_of_a_recurrence() -> None:
    growth = {"lstm": 1.0, "lstm-cell": 2.0, "attention": 1.5}
    records = times(lambda model, n: 1e-6 * n ** growth[model], models=list(growth))
    assert claim(records, GROWS).verdict == HOLDS


# Memory


@pytest.mark.parametrize(
    ("exponent", "verdict", "times_the_memory"),
    [(2.0, HOLDS, "4.00"), (1.0, FAILS, "2.00"), (0.0, FAILS, "1.00"), (3.0, FAILS, "8.00"), (1.5, UNDECIDED, "2.83")],
)
def test_memory_grows_with_the_square_or_not(exponent: float, verdict: str, times_the_memory: str) -> None:
    one = claim(memory(exponent), MEMORY)
    assert (one.text, one.verdict) == ("The memory of attention grows with the square of the length", verdict)
    assert one.figure == (
        f"From 512 to 1,024 tokens twice the length takes {times_the_memory} [{times_the_memory}, {times_the_memory}] "
        "times the memory to train, where the square is 4 times"
    )


def test_why_memory_grows_is_said_of_what_has_scores_only() -> None:
    assert claim(memory(2.0, model="attention-naive"), MEMORY).why == "it keeps a score for each pair of tokens"
    assert claim(memory(2.0, model="attention"), MEMORY).why == ""
    assert claim(memory(1.0, model="attention"), MEMORY).why == "not all of its scores are in memory at once"
    assert claim(memory(1.0, model="layer.py:Own"), MEMORY).why == ""
    assert claim(memory(1.5), MEMORY).why == "longer sequences tell (--seq-len)"
    assert claim(memory(2.5), MEMORY).why == ""  # it was said that not all scores are in memory
    assert found(memory(2.0, model="lstm")) == []


def test_a_round_that_saw_no_memory_says_nothing_of_its_growth() -> None:
    one = claim(memory(2.0, [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]), MEMORY)
    assert (one.verdict, "takes 4.00 [4.00, 4.00] times" in one.figure) == (HOLDS, True)


def test_memory_that_a_device_counts_needs_one_round_only() -> None:
    assert claim(memory(2.0, [1.0], device="cuda"), MEMORY).verdict == HOLDS
    assert claim(memory(2.0, [1.0], device="cpu"), MEMORY).verdict == UNDECIDED


def test_memory_that_is_too_small_to_tell_claims_nothing() -> None:
    small = [bench_record("peak_memory", "attention", n, [100.0 * n] * 6, {"pass": "train"}) for n in LENGTHS]
    assert found(small) == []


# Length


def test_no_sentence_is_longer_than_a_reader_takes_in() -> None:
    records = [
        *times(planted(200), models=("lstm", "lstm-cell", "attention-naive", "attention")),
        *flops({"lstm": 1e9, "lstm-cell": 1e9, "attention-naive": 2e9, "attention": 2e9}),
        *memory(2.0, model="attention-naive"),
        *memory(1.0),
    ]
    assert max(len(one.sentence) for one in found(records)) <= 300
