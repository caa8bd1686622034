"""What `decode` claims of records with a planted answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from planted_decode import at, claim, found, records_of

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.decode.claims import CARRIES, CHEAPER, GROWS

LENGTHS = (64, 256, 1024)


def steps(model: str, seconds: Callable[[int], float], rounds: int = 6, **fields: Any) -> list[Record]:
    return [at("step_time", model, n, [seconds(n) * (1 + r / 1000) for r in range(rounds)], **fields) for n in LENGTHS]


def sizes(model: str, size: Callable[[int], float], **fields: Any) -> list[Record]:
    return [at("state_size", model, n, [float(size(n))], **fields) for n in LENGTHS]


# Time a token


def test_a_model_that_is_cheaper_from_some_context_on() -> None:
    """Equal where 1e-6 * n is 2.56e-4: after 256 tokens."""
    one = claim(records_of(lambda n: 1e-6 * n, 2.56e-4), CHEAPER)
    assert (one.text, one.verdict) == ("After 1,024 tokens the next one costs lstm-lm less than gpt", HOLDS)
    assert one.axes == {"model": "lstm-lm"}
    assert one.figure == (
        "It takes lstm-lm 0.250 [0.250, 0.250] times as long; from 256 [256, 256] tokens on lstm-lm is faster"
    )


def test_contexts_that_were_too_long_for_one_of_both_are_told() -> None:
    records = [
        replace(r, status="out_of_memory", error="too large", samples=[], median=None, low=None, high=None)
        if r.metric == "step_time" and r.axes["model"] == "gpt" and r.axes["seq_len"] == 1024
        else r
        for r in records_of(lambda n: 1e-6 * n, 2.56e-5)
    ]
    one = claim(records, CHEAPER)
    assert (one.text, one.verdict) == ("After 256 tokens the next one costs lstm-lm less than gpt", HOLDS)
    assert one.why == "gpt has no time at 1,024: out of memory"


def test_a_model_that_is_dearer_at_every_context() -> None:
    one = claim(records_of(lambda n: 1e-3, 5e-3), CHEAPER)
    assert one.verdict == FAILS
    assert one.figure == "It takes lstm-lm 5.00 [5.00, 5.00] times as long; from 64 to 1,024 tokens gpt is faster"


def test_a_model_that_is_neither_cheaper_nor_dearer() -> None:
    one = claim(records_of(lambda n: 1e-3, 1e-3), CHEAPER)
    assert (one.verdict, one.figure) == (UNDECIDED, "It takes lstm-lm 1.00 [1.00, 1.00] times as long")
    assert one.why == "more rounds narrow the interval, such as --rounds 12"


def test_few_rounds_decide_no_time_and_yet_what_is_carried() -> None:
    records = [*steps("gpt", lambda n: 1e-6 * n, 2), *steps("lstm-lm", lambda n: 1e-6, 2)]
    every = found([*records, *sizes("gpt", lambda n: 100 * n), *sizes("lstm-lm", lambda n: 700)])
    assert [(one.key, one.verdict) for one in every] == [(CHEAPER, UNDECIDED), (GROWS, UNDECIDED), (CARRIES, HOLDS)]
    assert every[0].figure.endswith("times as long; so far from 64 to 1,024 tokens lstm-lm is faster")
    assert {one.why for one in every[:2]} == {
        "an interval takes 6 rounds: --rounds 6, with a --max-seconds that has them"
    }


@pytest.mark.parametrize(
    ("seconds", "verdict", "shown"),
    [(lambda n: 1e-6 * n, HOLDS, "16.0"), (lambda n: 1e-3, FAILS, "1.00"), (lambda n: 1e-3 / n, FAILS, "0.0625")],
)
def test_the_next_token_costs_more_with_the_context_or_not(
    seconds: Callable[[int], float], verdict: str, shown: str
) -> None:
    one = claim(steps("gpt", seconds), GROWS)
    assert (one.text, one.verdict) == ("The next token costs gpt more the longer the context", verdict)
    assert f" ms, {shown} [{shown}, {shown}] times as long as after 64" in one.figure


def test_growth_by_about_the_least_that_counts_is_undecided() -> None:
    late = at("step_time", "gpt", 256, [1.05e-3, 1.15e-3] * 3)
    one = claim([at("step_time", "gpt", 64, [1e-3] * 6), late], GROWS)
    assert (one.verdict, one.why) == (UNDECIDED, "more rounds narrow the interval, such as --rounds 12")


def test_a_growth_too_small_to_count_is_said_to_be_so() -> None:
    """A reader would see an interval above 1 beside "does not hold here"."""
    one = claim(steps("attention", lambda n: 1e-3 * (1 + n / 20480)), GROWS)
    assert (one.verdict, one.why) == (FAILS, "up to 1.1 times counts as no more")
    assert "1.05 [1.05, 1.05] times as long" in one.figure


def test_times_of_the_hosts_launches_are_said_to_be_that() -> None:
    records = [*records_of(lambda n: 1e-6 * n, 1e-6)]
    told = at("step_time", "gpt", 1024, [1.0] * 6)
    bound = replace(told, metric="launch_bound", axes={**told.axes, "pass": "step"})
    assert claim([*records, bound], CHEAPER).why.startswith("that is the time of the host's launches")
    assert claim([*records, bound], GROWS).why.startswith("that is the time of the host's launches")
    alike = claim([*records_of(lambda n: 1e-3, 1e-3), bound], CHEAPER)
    assert alike.why == (
        "more rounds narrow the interval, such as --rounds 12; that is the time of the host's launches, not the GPU's"
    )


# What is carried


def test_a_state_is_smaller_than_a_cache_from_an_exact_context_on() -> None:
    one = claim(records_of(lambda n: 1e-3, 5e-3), CARRIES)
    assert (one.text, one.verdict) == ("After 1,024 tokens lstm-lm carries less than gpt", HOLDS)
    assert one.figure == "700 B, whatever the context, against 100 KiB, 100 B more with each token"
    assert one.why == "lstm-lm carries less beyond 7 tokens"


def test_the_last_context_at_which_a_cache_is_not_larger_is_a_whole_one() -> None:
    """1,234.6 tokens were told as 1,230, and a state of 123,460 bytes is still the larger one at 1,231 to 1,234."""
    records = [*sizes("gpt", lambda n: 100 * n), *sizes("lstm-lm", lambda n: 123_460)]
    assert claim(records, CARRIES).why == "lstm-lm carries less beyond 1,234 tokens"


def test_of_two_contexts_a_bounded_memory_is_not_told_as_one_that_grows() -> None:
    """Of 64 and 1,024 tokens it was taken for a cache of 60 bytes a token, and no claim was made of it."""
    both = [*sizes("gpt", lambda n: 100 * n), *sizes("transformer-xl", lambda n: 300 * min(n, 256))]
    one = claim([r for r in both if r.axes["seq_len"] != 256], CARRIES)
    assert (one.text, one.verdict) == ("After 1,024 tokens transformer-xl carries less than gpt", HOLDS)
    assert one.figure == "75.0 KiB, against 100 KiB, 100 B more with each token"


def test_a_memory_that_is_bounded_says_from_where_on() -> None:
    records = [*sizes("gpt", lambda n: 100 * n), *sizes("transformer-xl", lambda n: 300 * min(n, 256))]
    one = claim(records, CARRIES)
    assert one.verdict == HOLDS
    assert one.figure == "75.0 KiB, and no more from 256 tokens on, against 100 KiB, 100 B more with each token"
    assert one.why == "transformer-xl carries less beyond 768 tokens"


def test_a_state_that_is_still_the_larger_one() -> None:
    one = claim([*sizes("gpt", lambda n: 100 * n), *sizes("lstm-lm", lambda n: 1e6)], CARRIES)
    assert one.verdict == FAILS


# Which models


def test_layers_are_held_against_attention_and_language_models_against_gpt() -> None:
    records = [r for model in ("lstm", "attention", "lstm-lm", "gpt") for r in steps(model, lambda n: 1e-3)]
    texts = {one.axes["model"]: one.text for one in found(records) if one.key == CHEAPER}
    assert texts["lstm"].endswith("the next one costs lstm less than attention")
    assert texts["lstm-lm"].endswith("the next one costs lstm-lm less than gpt")
    assert len(texts) == 2


def test_another_cache_of_this_program_makes_no_claim_and_one_of_the_users_own_does() -> None:
    records = []
    for model in ("attention-relative", "layer.py:Own", "attention"):
        records += [*steps(model, lambda n: 1e-6 * n), *sizes(model, lambda n: 100 * n)]
    claimed = {one.axes["model"] for one in found(records) if one.key in (CHEAPER, CARRIES)}
    assert claimed == {"layer.py:Own"}


def test_without_a_baseline_models_stand_beside_the_first_that_is_built_in() -> None:
    records = [*steps("layer.py:Own", lambda n: 1e-3), *steps("lstm", lambda n: 2e-3)]
    one = claim(records, CHEAPER)
    assert one.text == "After 1,024 tokens the next one costs layer.py:Own less than lstm"
    assert one.verdict == HOLDS
    assert {c.axes["model"] for c in found(records) if c.key == GROWS} == {"layer.py:Own", "lstm"}


def test_claims_of_several_settings_are_told_apart() -> None:
    records = [
        r for size in (1, 8) for model in ("lstm", "attention") for r in steps(model, lambda n: 1e-3, batch_size=size)
    ]
    assert claim(records, CHEAPER, batch_size=8).text.endswith("less than attention (batch_size 8)")
    assert claim(records, GROWS, batch_size=1).text.startswith("The next token costs attention (batch_size 1) more")


def test_a_run_without_numbers_claims_nothing_and_one_context_tells_no_growth() -> None:
    fault = replace(at("step_time", "gpt", 64, [1.0]), status="timeout", samples=[], median=None)
    assert found([]) == []
    assert found([fault]) == []
    assert found([at("step_time", "gpt", 64, [1.0] * 6)]) == []


def test_no_sentence_is_longer_than_a_reader_takes_in() -> None:
    every = found(records_of(lambda n: 1e-6 * n, 2.56e-4))
    assert max(len(one.sentence) for one in every) <= 300
