"""`adding`, `copy` and `selective-copy`, each with an example of its own drawn by `shown`."""

from __future__ import annotations

from typing import TypeAlias

import numpy
import numpy.typing

from rnn_vs_attn.tasks.catalogue.memory import VALUE_BITS, lag
from rnn_vs_attn.tasks.drawing.candidates import Candidates, last
from rnn_vs_attn.tasks.drawing.random_numbers import Integers, Stream
from rnn_vs_attn.tasks.spec import Sizes

Reals: TypeAlias = numpy.typing.NDArray[numpy.float32]


def adding(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Numbers of which two are marked, anywhere; their sum.

    >>> print(shown("adding", 6))
    0.01*  0.24  0.11 0.56*  0.50  0.28
        -     -     -     -     -  0.58
    """
    values = stream.below(1 << VALUE_BITS, rows, sizes.seq_len)
    places = stream.distinct(rows, 2, sizes.seq_len)
    marked = numpy.zeros_like(values)
    numpy.put_along_axis(marked, places, 1, axis=1)
    return last(1, 2 * values + marked, (values * marked).sum(axis=1, keepdims=True))


def real(inputs: Integers, targets: Integers) -> tuple[Reals, Reals]:
    """What `adding` has drawn as float32: numbers and marks (B, L, 2), and sums (B,). None of it is rounded."""
    numbers = numpy.empty((*inputs.shape, 2), dtype=numpy.float32)
    numbers[..., 0] = (inputs >> 1) * 2.0**-VALUE_BITS
    numbers[..., 1] = inputs & 1
    return numbers, (targets[:, -1] * 2.0**-VALUE_BITS).astype(numpy.float32)


def copy(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Digits, T - 1 blanks (0), and one mark more than there are digits, the last token; the digits at the last ones.

    >>> print(shown("copy", 13, num_symbols=4))
    1 2 1 5 0 0 0 0 9 9 9 9 9
    - - - - - - - - - 1 2 1 5
    """
    number, mark = sizes.num_symbols, sizes.vocab_size - 1
    inputs = numpy.zeros((rows, sizes.seq_len), dtype=numpy.int64)
    inputs[:, :number] = 1 + stream.below(sizes.vocab_size - 2, rows, number)
    inputs[:, number + lag(sizes) - 1 :] = mark
    return last(number, inputs, inputs[:, :number])


def selective_copy(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Symbols anywhere among blanks (0), and as many marks, the last token; the symbols in their order.

    >>> print(shown("selective-copy", 14, num_symbols=4))
     1  0  0  4  0  0  2  0  8  0 15 15 15 15
     -  -  -  -  -  -  -  -  -  -  1  4  2  8
    """
    number, mark = sizes.num_symbols, sizes.vocab_size - 1
    symbols = 1 + stream.below(sizes.vocab_size - 2, rows, number)
    places = numpy.sort(stream.distinct(rows, number, sizes.seq_len - number), axis=1)
    inputs = numpy.zeros((rows, sizes.seq_len), dtype=numpy.int64)
    numpy.put_along_axis(inputs, places, symbols, axis=1)
    inputs[:, -number:] = mark
    return last(number, inputs, symbols)
