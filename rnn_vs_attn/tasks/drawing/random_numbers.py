"""Random numbers by their place: number i of a stream is a function of the stream's key and of i.

SplitMix64 (Steele, Lea and Flood 2014, section 3): a counter that grows by an odd constant, and a mixing that is one to
one. All of it is arithmetic of 64-bit integers, so that the same numbers come on every machine, with every version of
torch and any number of threads, and no stream costs more to begin than another. A generator of torch's would draw from
one of 2^32 sequences, whatever 64 bits it is seeded with: too few for runs of many steps never to meet the same twice.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy
import numpy.typing

Words: TypeAlias = numpy.typing.NDArray[numpy.uint64]
Integers: TypeAlias = numpy.typing.NDArray[numpy.int64]

STEP = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_ALL = (1 << 64) - 1


def mixed(words: Words) -> Words:
    """Each word mixed, in the memory of `words`: one to one, and every bit depends on all bits."""
    words ^= words >> numpy.uint64(30)
    words *= numpy.uint64(_FIRST)
    words ^= words >> numpy.uint64(27)
    words *= numpy.uint64(_SECOND)
    words ^= words >> numpy.uint64(31)
    return words


def mixed_number(number: int) -> int:
    """The same of one number, by its lowest 64 bits.

    >>> hex(mixed_number(STEP))  # the first number of SplitMix64 for the seed 0
    '0xe220a8397b1dcdaf'
    """
    number &= _ALL
    number = ((number ^ (number >> 30)) * _FIRST) & _ALL
    number = ((number ^ (number >> 27)) * _SECOND) & _ALL
    return number ^ (number >> 31)


class Stream:
    """Numbers that follow from a key, each given out once."""

    def __init__(self, key: int) -> None:
        self._key = key & _ALL
        self._given = 0

    def words(self, *shape: int) -> Words:
        """64 random bits each."""
        number = math.prod(shape)
        counters = numpy.arange(self._given + 1, self._given + number + 1, dtype=numpy.uint64)
        self._given += number
        counters *= numpy.uint64(STEP)
        counters += numpy.uint64(self._key)
        return mixed(counters).reshape(shape)

    def below(self, limit: int | Integers, *shape: int) -> Integers:
        """Integers 0 ... limit - 1, each as likely as the others to one in 2^32 / limit; limit below 2^32.

        limit: one, or an array that spreads over `shape`.
        """
        return _scaled(self.words(*shape), limit)

    def distinct(self, rows: int, number: int, limit: int) -> Integers:
        """(rows, number): different integers below `limit` in each row, in random order, all choices alike.

        Integer i is drawn as one of those that are left, counted from 0 (a Lehmer code), and then counted among all.
        """
        chosen = self.below(limit - numpy.arange(number), rows, number)
        for i in reversed(range(number - 1)):
            later = chosen[:, i + 1 :]
            later += later >= chosen[:, i : i + 1]
        return chosen

    def weighted(self, rows: int, number: int, weights: Integers) -> Integers:
        """(rows, number): different indices of `weights`, one after another, each by its weight among those left."""
        ends = numpy.repeat(weights.cumsum()[None], rows, axis=0)
        indices, chosen = numpy.arange(len(weights)), numpy.empty((rows, number), dtype=numpy.int64)
        for i, words in enumerate(numpy.hsplit(self.words(rows, number), number)):
            index = numpy.count_nonzero(ends <= _scaled(words, ends[:, -1:]), axis=1)[:, None]
            ends -= weights[index] * (indices >= index)
            chosen[:, i] = index[:, 0]
        return chosen


def _scaled(words: Words, limits: int | Integers) -> Integers:
    """The upper 32 bits of each word, as a fraction of 2^32, times its limit."""
    upper = words >> numpy.uint64(32)
    upper *= numpy.asarray(limits, dtype=numpy.uint64)
    upper >>= numpy.uint64(32)
    return upper.view(numpy.int64)
