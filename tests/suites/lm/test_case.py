"""Cases of `lm`: how options are read, what follows from others, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites.lm.case import EVALUATIONS, LmCase, check, complete
from rnn_vs_attn.suites.lm.suite import LM


def axes(**typed: str) -> cases.AxisValues:
    """The values of all axes with some options typed."""
    return cases.parse(LM, cases.defaults(LmCase) | {name: [text] for name, text in typed.items()})


def made(**typed: str) -> list[Any]:
    return cases.cases_of(LM, axes(**({"device": "cpu", "threads": "1", "learning_rate": "1e-3"} | typed)))


# What follows from other fields


def test_only_transformer_xl_has_a_memory_and_cases_that_are_alike_are_one() -> None:
    found = made(model="gpt,transformer-xl,lstm", memory_len="0,16")
    assert [(each.model, each.memory_len) for each in found] == [
        ("gpt", 0),
        ("transformer-xl", 0),
        ("transformer-xl", 16),
        ("lstm", 0),
    ]
    assert all(complete(each) == each for each in found)


@pytest.mark.parametrize(
    ("steps", "warm_up", "every"),
    [(0, 0, 1), (5, 0, 1), (10, 1, 1), (25, 2, 2), (400, 40, 40), (1000, 100, 100), (10**6, 100, 10**5)],
)
def test_warm_up_and_evaluations_follow_from_the_steps(steps: int, warm_up: int, every: int) -> None:
    case = LmCase(steps=steps)
    assert (case.warm_up, case.evaluate_every) == (warm_up, every)


@pytest.mark.parametrize("steps", [1, 9, 10, 100, 400, 12340])
def test_a_training_is_evaluated_about_as_often_as_it_should_be(steps: int) -> None:
    every = LmCase(steps=steps).evaluate_every
    assert len(range(every, steps + 1, every)) == min(steps, EVALUATIONS)


@pytest.mark.parametrize(
    ("seq_len", "contexts"),
    [(64, [16, 32, 64, 128, 256]), (2, [1, 2, 4, 8]), (3, [1, 3, 6, 12]), (5, [1, 2, 5, 10, 20])],
)
def test_contexts_are_shorter_than_a_segment_and_longer(seq_len: int, contexts: list[int]) -> None:
    assert LmCase(seq_len=seq_len).contexts == contexts


def test_a_case_is_named_by_what_a_line_of_progress_tells() -> None:
    assert LmCase(model="gpt", learning_rate=3e-3).label == "gpt 0.003"
    assert LmCase(model="transformer-xl", learning_rate=3e-3, memory_len=8).label == "transformer-xl memory 8 0.003"
    assert LmCase(model="transformer-xl", learning_rate=3e-3, memory_len=0).label == "transformer-xl memory 0 0.003"


# What is refused


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"steps": "10,20"}, "--steps takes one value, not 2"),
        ({"seconds_per_model": "10,20"}, "--seconds-per-model takes one value, not 2"),
        ({"tokenizer": "bytes,gpt2"}, "--tokenizer takes one value, not 2"),
        ({"held_out_tokens": "100,200,300"}, "--held-out-tokens takes one value, not 3"),
        ({"steps": "10", "seconds_per_model": "20"}, "--steps is equal tokens and --seconds-per-model equal time"),
    ],
)
def test_what_excludes_each_other_is_refused(typed: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check(axes(**typed))


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ({}, 4 * 3),
        ({"steps": "10"}, 4 * 3),
        ({"seconds_per_model": "5"}, 4 * 3),
        ({"seq_len": "32,64", "memory_len": "0,64", "batch_size": "2,4"}, 4 * 3 * (3 + 2)),  # one model has a memory
    ],
)
def test_what_fits_is_taken(typed: dict[str, str], number: int) -> None:
    values = axes(**typed)
    check(values)
    assert len(cases.cases_of(LM, values)) == number


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"learning_rate": "2"}, "--learning-rate"),
        ({"seq_len": "1"}, "--seq-len"),
        ({"steps": "-1"}, "--steps"),
        ({"seconds_per_model": "1.5"}, "--seconds-per-model"),
        ({"held_out_tokens": "63"}, "--held-out-tokens"),
        ({"tokenizer": "bpe"}, "unknown tokenizer 'bpe'"),
        ({"match": "flops"}, "unknown match"),
    ],
)
def test_what_is_no_value_of_an_option_is_refused(typed: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        axes(**typed)
