"""Random numbers by their place: the numbers of a stream follow from its seed, split and index.

Philox of numpy (Salmon et al. 2011), whose key is the seed: its counter begins elsewhere for each split and index, at
least 2^128 blocks apart, so that no two streams of a seed meet. Its words are the same on every machine and, as numpy
promises of them and not of what its Generator makes of them, in every version; integers are made of them here.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy
import numpy.typing
from numpy.random import Philox

Words: TypeAlias = numpy.typing.NDArray[numpy.uint64]
Integers: TypeAlias = numpy.typing.NDArray[numpy.int64]


class Stream:
    """Numbers that follow from a seed, of its lowest 64 bits, and a place."""

    def __init__(self, seed: int, split: int = 0, index: int = 0) -> None:
        self._philox = Philox(key=seed % (1 << 64), counter=[0, 0, index, split])

    def words(self, *shape: int) -> Words:
        """64 random bits each."""
        return self._philox.random_raw(math.prod(shape)).reshape(shape)

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
