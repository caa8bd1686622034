"""Cases of `recall`: how options are read, what follows from others, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites.recall.case import (
    SOLVED_ACCURACY,
    SOLVED_LOSS,
    RecallCase,
    check,
    complete,
    lengths,
    size,
    task_name,
)
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.training.course import Point


def axes(**typed: str) -> cases.AxisValues:
    """The values of all axes with some options typed."""
    return cases.parse(RECALL, cases.defaults(RecallCase) | {name: [text] for name, text in typed.items()})


def made(**typed: str) -> list[Any]:
    return cases.cases_of(RECALL, axes(device="cpu", threads="1", model="lstm", learning_rate="1e-3", **typed))


# Reading


def test_a_size_is_a_number_or_the_tasks_own() -> None:
    assert (size("auto"), size("4"), size("999999999")) == (None, 4, 999_999_999)
    for text in ("0", "-1", "1.5", "four", "", "1" * 10):
        with pytest.raises(UserError, match="auto"):
            size(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("32", "32"),
        ("32:128", "32,64,128"),
        ("32:100", "32,64"),
        ("64, 32 ,64", "32,64"),
        ("48,32:64", "32,48,64"),
        ("0032", "32"),
    ],
)
def test_lengths_to_test_at_are_one_sorted_list(text: str, found: str) -> None:
    assert lengths(text) == found


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 3)), max_size=8))
@unhurried
def test_what_lengths_are_written_as_is_read_as_the_same(ranges: list[tuple[int, int]]) -> None:
    found = lengths(",".join(f"{first}:{first << doublings}" for first, doublings in ranges))
    assert lengths(found) == found


@pytest.mark.parametrize("text", ["0", "64:32", "a", "32:", "-1", "1e3", "1:2:3"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--test-seq-len"):
        lengths(text)


def test_a_list_that_is_too_long_is_refused() -> None:
    assert lengths(",".join(map(str, range(1, 33)))).count(",") == 31
    with pytest.raises(UserError, match="33 lengths"):
        lengths(",".join(map(str, range(1, 34))))


def test_a_task_is_found_by_its_name_or_the_nearest_is_told() -> None:
    assert task_name("parity") == "parity"
    with pytest.raises(UserError, match="did you mean 'parity'"):
        task_name("parityy")


# What follows from other fields


def test_a_case_has_only_the_sizes_of_its_task() -> None:
    given_sizes = RecallCase(task="mqar", num_pairs=2, num_symbols=3, vocab_size=32, modulus=5)
    found = complete(given_sizes)
    assert (found.num_pairs, found.num_symbols, found.vocab_size, found.modulus) == (2, None, 32, None)
    assert complete(found) == found
    parity = complete(dataclasses.replace(given_sizes, task="parity"))
    assert (parity.num_pairs, parity.vocab_size) == (None, None)


def test_tasks_share_a_run_and_cases_that_are_alike_are_one() -> None:
    found = made(task="mqar,parity", num_pairs="2,4")
    assert [(each.task, each.num_pairs) for each in found] == [("mqar", 2), ("mqar", 4), ("parity", None)]


def test_where_no_models_were_typed_state_tracking_has_those_of_its_claim() -> None:
    values = axes(task="mqar,parity,permutation", model="attention,lstm,gru", device="cpu", threads="1")
    plain = {(each.task, each.model) for each in cases.cases_of(RECALL, values, plain=True)}
    assert plain == {
        *(("mqar", model) for model in ("attention", "lstm", "gru")),
        *((task, model) for task in ("parity", "permutation") for model in ("attention", "lstm")),
    }
    typed = {(each.task, each.model) for each in cases.cases_of(RECALL, values)}
    assert len(typed) == 9


def test_lengths_to_test_at_follow_from_that_of_training_unless_they_are_given() -> None:
    assert [each.tested for each in made(task="parity", seq_len="16,32")] == [[16, 32, 64], [32, 64, 128]]
    assert [each.tested for each in made(task="parity", seq_len="16,64", test_seq_len="32:64")] == [
        [16, 32, 64],
        [32, 64],
    ]


@pytest.mark.parametrize(
    ("steps", "warm_up", "every"),
    [(0, 0, 1), (5, 0, 1), (20, 2, 1), (400, 40, 20), (1000, 50, 50), (10**6, 50, 50000)],
)
def test_warm_up_and_evaluations_follow_from_the_steps(steps: int, warm_up: int, every: int) -> None:
    case = RecallCase(steps=steps)
    assert (case.warm_up, case.evaluate_every) == (warm_up, every)


def test_a_task_is_solved_by_its_accuracy_or_where_it_has_none_by_its_loss() -> None:
    def point(loss: float, accuracy: float | None) -> Point:
        return Point(1, 1, 1.0, None, loss, accuracy)

    mqar, adding = RecallCase(task="mqar").enough, RecallCase(task="adding").enough
    assert mqar(point(9.0, SOLVED_ACCURACY))
    assert not mqar(point(0.0, SOLVED_ACCURACY - 1e-9))
    assert adding(point(SOLVED_LOSS, None))
    assert not adding(point(SOLVED_LOSS + 1e-9, None))


def test_a_case_is_named_by_what_a_line_of_progress_tells() -> None:
    assert RecallCase(model="gru", task="copy", learning_rate=3e-3).label == "copy gru 0.003"


# What is refused


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"task": "mqar", "seq_len": "14", "num_pairs": "4"}, "4 pairs needs at least 16 tokens"),
        ({"task": "mqar", "seq_len": "32", "num_pairs": "4", "test_seq_len": "14"}, "4 pairs needs at least 16 tokens"),
        ({"task": "parity,mqar", "seq_len": "32,31"}, "31 is odd"),
        ({"task": "mqar", "seq_len": "32", "test_seq_len": "33"}, "33 is odd"),
        ({"task": "parity", "num_pairs": "4"}, "--num-pairs is no size of parity; leave it out"),
        ({"task": "copy,mqar", "modulus": "5"}, "--modulus is no size of copy or mqar"),
        ({"task": "parity", "steps": "10,20"}, "--steps takes one number, not 2"),
        ({"task": "mod-arithmetic", "modulus": "4"}, "prime"),
    ],
)
def test_what_excludes_each_other_is_refused(typed: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check(axes(**typed))


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"task": "parity,mqar", "num_pairs": "4,auto"},
        {"task": "adding,copy,selective-copy,induction,mqar,parity,mod-arithmetic,permutation,lookup-prefix"},
    ],
)
def test_what_fits_is_taken(typed: dict[str, str]) -> None:
    values = axes(**({"seq_len": "64"} | typed if typed else {}))
    check(values)
    assert {case.task for case in cases.cases_of(RECALL, values)} == set(values["task"])
