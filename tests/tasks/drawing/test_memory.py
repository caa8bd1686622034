"""`adding`, `copy` and `selective-copy` by their definitions, in plain Python from the inputs alone."""

from __future__ import annotations

from collections import Counter

import numpy
import pytest
from task_examples import examples

from rnn_vs_attn.tasks.drawing.memory import real

SPLITS = pytest.mark.parametrize("split", ["train", "test"])


@SPLITS
@pytest.mark.parametrize("seq_len", [2, 3, 50, 128])
def test_adding_is_the_sum_of_the_two_that_are_marked(seq_len: int, split: str) -> None:
    for example in examples("adding", seq_len, split=split):
        assert len(example.inputs) == seq_len
        assert all(0 <= number < 1 and mark in (0, 1) for number, mark in example.inputs)
        marked = [number for number, mark in example.inputs if mark]
        assert len(marked) == 2
        assert example.answered == {seq_len - 1: sum(marked)}


def test_any_two_positions_are_marked() -> None:
    pairs = Counter(
        tuple(i for i, (_, mark) in enumerate(example.inputs) if mark) for example in examples("adding", 4, 1200)
    )
    assert len(pairs) == 6
    assert all(120 < count < 280 for count in pairs.values())


@SPLITS
@pytest.mark.parametrize(("lag", "sizes"), [(1, {}), (2, {}), (108, {}), (5, {"num_symbols": 4, "vocab_size": 30})])
def test_copy_is_the_digits_after_the_lag(lag: int, sizes: dict, split: str) -> None:
    number, vocab = sizes.get("num_symbols", 10), sizes.get("vocab_size", 10)
    for example in examples("copy", lag + 2 * number, split=split, **sizes):
        digits = example.inputs[:number]
        assert all(1 <= digit <= vocab - 2 for digit in digits)
        assert example.inputs[number:] == [0] * (lag - 1) + [vocab - 1] * (number + 1)
        assert example.answered == {lag + number + i: digit for i, digit in enumerate(digits)}


@SPLITS
@pytest.mark.parametrize(
    ("seq_len", "sizes"), [(17, {}), (72, {}), (128, {"num_symbols": 16}), (9, {"num_symbols": 4})]
)
def test_selective_copy_is_what_is_no_blank_in_order(seq_len: int, sizes: dict, split: str) -> None:
    number = sizes.get("num_symbols", 8)
    for example in examples("selective-copy", seq_len, split=split, **sizes):
        before = example.inputs[:-number]
        symbols = [token for token in before if token != 0]
        assert len(symbols) == number
        assert all(1 <= token <= 14 for token in symbols)
        assert example.inputs[-number:] == [15] * number
        assert example.answered == {len(before) + i: token for i, token in enumerate(symbols)}


def test_symbols_stand_anywhere() -> None:
    places = Counter(
        i for example in examples("selective-copy", 32, 600) for i, token in enumerate(example.inputs[:24]) if token
    )
    assert len(places) == 24
    assert all(140 < count < 260 for count in places.values())  # 200 expected, 5 standard deviations


def test_numbers_are_given_without_rounding() -> None:
    inputs = numpy.array([[2 * (2**23 - 1) + 1, 6, 2 * (2**23 - 2) + 1]])
    numbers, sums = real(inputs, numpy.array([[0, 0, 2**24 - 3]]))
    assert numbers.tolist() == [[[1 - 2**-23, 1], [3 * 2**-23, 0], [1 - 2**-22, 1]]]
    assert sums.tolist() == [2 - 3 * 2**-23]
