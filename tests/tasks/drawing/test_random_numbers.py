"""Streams of numbers: as SplitMix64 defines them, without a bias that shows, choices without repetition."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy
import pytest

from rnn_vs_attn.tasks.drawing.random_numbers import STEP, Stream, mixed_number


def test_the_first_numbers_are_those_that_are_published_for_splitmix64() -> None:
    """Of the seed 1234567, as in Rosetta Code's task of that name."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert Stream(1234567).words(4).tolist() == published


def test_numbers_are_those_of_integer_arithmetic_in_plain_python() -> None:
    key = 2**64 - 5
    assert Stream(key).words(50).tolist() == [mixed_number(key + STEP * i) for i in range(1, 51)]


def test_no_number_is_given_out_twice_and_shapes_do_not_matter() -> None:
    stream = Stream(7)
    parts = [*stream.words(2, 3).ravel(), *stream.words(4).ravel()]
    assert parts == Stream(7).words(10).tolist()


def within(counts: Counter, of: int, total: int) -> bool:
    """Whether chi-squared of `of` equally likely outcomes is within 5 standard deviations of its mean."""
    expected = total / of
    squared = sum((counts[key] - expected) ** 2 / expected for key in counts) + (of - len(counts)) * expected
    return abs(squared - (of - 1)) < 5 * (2 * (of - 1)) ** 0.5


@pytest.mark.parametrize("limit", [2, 5, 120])
def test_every_integer_below_the_limit_is_as_likely(limit: int) -> None:
    found = Stream(1).below(limit, 200, 60).ravel()
    assert found.dtype == numpy.int64
    assert found.min() == 0
    assert found.max() == limit - 1
    assert within(Counter(found.tolist()), limit, 12000)


def test_every_choice_without_repetition_is_as_likely() -> None:
    found = Counter(map(tuple, Stream(2).distinct(6000, 3, 5).tolist()))
    assert set(found) == set(permutations(range(5), 3))
    assert within(found, 60, 6000)


def test_all_there_are_can_be_chosen() -> None:
    found = Stream(3).distinct(50, 9, 9)
    assert (numpy.sort(found, axis=1) == numpy.arange(9)).all()


def test_weighted_choices_are_made_one_after_another() -> None:
    """First i with w_i / W, then j with w_j / (W - w_i)."""
    weights = {0: 8, 1: 4, 2: 2, 3: 1}
    found = Counter(map(tuple, Stream(4).weighted(20000, 2, numpy.array(list(weights.values()))).tolist()))
    for i, j in permutations(weights, 2):
        likely = weights[i] / 15 * weights[j] / (15 - weights[i])
        assert abs(found[i, j] - 20000 * likely) < 5 * (20000 * likely * (1 - likely)) ** 0.5


def test_what_has_no_weight_left_is_never_chosen() -> None:
    found = Stream(5).weighted(200, 3, numpy.array([0, 1, 1, 5]))
    assert (numpy.sort(found, axis=1) == [1, 2, 3]).all()
