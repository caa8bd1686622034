"""Streams of numbers: as Philox defines them, without a bias that shows, choices without repetition."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy
import pytest

from rnn_vs_attn.tasks.drawing.random_numbers import Stream


def philox(counter: int, key: int) -> list[int]:
    """The four words of Philox4x64-10 for a counter and a key; Salmon et al. 2011, section 3.3."""
    low = 2**64 - 1
    c, k = [counter >> 64 * i & low for i in range(4)], [key & low, key >> 64]
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [second >> 64 ^ c[1] ^ k[0], second & low, first >> 64 ^ c[3] ^ k[1], first & low]
        k = [k[0] + 0x9E3779B97F4A7C15 & low, k[1] + 0xBB67AE8584CAA73B & low]
    return c


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0, [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]),
        (-1, [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0]),
    ],
)
def test_philox_has_its_known_answers(bits: int, words: list[int]) -> None:
    """Of a counter and a key whose bits are all 0 or all 1, as published with the authors' Random123."""
    assert philox(bits % 2**256, bits % 2**128) == words


@pytest.mark.parametrize(("seed", "split", "index"), [(0, 0, 0), (-5, 1, 0), (3, 1, 2**40), (2**64 + 3, 0, 7)])
def test_numbers_are_those_of_integer_arithmetic_in_plain_python(seed: int, split: int, index: int) -> None:
    """Block i, from 1, of the counter that begins with split and index."""
    begin = (split << 192) + (index << 128)
    expected = [word for i in range(1, 11) for word in philox(begin + i, seed % 2**64)]
    assert Stream(seed, split, index).words(40).tolist() == expected


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
