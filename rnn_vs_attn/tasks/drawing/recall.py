"""`induction`, `mqar` and `lookup-prefix`, each with an example of its own drawn by `shown`."""

from __future__ import annotations

from functools import lru_cache

import numpy

from rnn_vs_attn.tasks.catalogue.recall import KEY_LEN, string_len
from rnn_vs_attn.tasks.drawing.candidates import Candidates, every, last
from rnn_vs_attn.tasks.drawing.random_numbers import Integers, Stream
from rnn_vs_attn.tasks.spec import Sizes

POWER = 0.01  # power_a of Zoology's code


def induction(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Tokens among which the mark, the last of the vocabulary, stands once and again at the end; what followed it.

    >>> print(shown("induction", 12))
     0 15  1  8  7  4 14 14  3  2 10 15
     -  -  -  -  -  -  -  -  -  -  -  1
    """
    mark, all_rows = sizes.vocab_size - 1, numpy.arange(rows)
    inputs = stream.below(mark, rows, sizes.seq_len)
    place = stream.below(sizes.seq_len - 2, rows)
    inputs[all_rows, place] = mark
    inputs[:, -1] = mark
    return last(1, inputs, inputs[all_rows, place + 1][:, None])


def mqar(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Pairs of a key and a value, all different; then each key once, at even distances, the rest blank (0).

    The gap of a query behind the pairs follows a power law: gap i, from 1, has the weight i^(POWER - 1).

    >>> print(shown("mqar", 16, num_pairs=3, vocab_size=16))
     1 15  3 10  2 14  1  0  2  0  3  0  0  0  0  0
     -  -  -  -  -  - 15  - 14  - 10  -  -  -  -  -
    """
    number, half = sizes.num_pairs, sizes.vocab_size // 2
    keys = 1 + stream.distinct(rows, number, half - 1)
    values = half + stream.distinct(rows, number, half)
    gaps = stream.weighted(rows, number, _power_law((sizes.seq_len - 2 * number) // 2))
    inputs = numpy.zeros((rows, sizes.seq_len), dtype=numpy.int64)
    inputs[:, 0 : 2 * number : 2] = keys
    inputs[:, 1 : 2 * number : 2] = values
    places = 2 * number + 2 * gaps
    numpy.put_along_axis(inputs, places, keys, axis=1)
    targets = numpy.zeros_like(inputs)
    numpy.put_along_axis(targets, places, values, axis=1)
    return every(inputs, targets, targets > 0)


@lru_cache
def _power_law(slots: int) -> Integers:
    """Weights of the gaps, the first of them 2^20."""
    gaps = numpy.arange(1, slots + 1, dtype=numpy.float64)
    weights: Integers = numpy.rint(2.0**20 * gaps ** (POWER - 1)).astype(numpy.int64)
    return weights


def lookup_prefix(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Key | string | answer: what follows the key in the string, where it stands once; | is the last token.

    An answer is read once it is given, as a language model reads what it has written.

    >>> print(shown("lookup-prefix", 20, num_symbols=4))
     4 24 11 26 14  6 22 19  7  4 24 11  4  1 12 25 26  4  1 12
     -  -  -  -  -  -  -  -  -  -  -  -  -  -  -  -  4  1 12 25
    """
    number, mark, length = sizes.num_symbols, sizes.vocab_size - 1, string_len(sizes)
    string = stream.below(mark, rows, length)
    start = stream.below(length - KEY_LEN - number + 1, rows)[:, None]
    key = numpy.take_along_axis(string, start + numpy.arange(KEY_LEN), axis=1)
    answer = numpy.take_along_axis(string, start + KEY_LEN + numpy.arange(number), axis=1)
    divider = numpy.full((rows, 1), mark, dtype=numpy.int64)
    found = last(number, numpy.hstack([key, divider, string, divider, answer[:, :-1]]), answer)
    places = length - KEY_LEN + 1
    matches = numpy.logical_and.reduce([string[:, i : i + places] == key[:, i, None] for i in range(KEY_LEN)])
    return Candidates(found.inputs, found.targets, found.answers, matches.sum(axis=1) == 1)
