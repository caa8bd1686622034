"""`parity`, `mod-arithmetic` and `permutation`, each with an example of its own drawn by `shown`."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

import numpy

from rnn_vs_attn.tasks.catalogue.state_tracking import MINUS, NUM_OPERATORS, TIMES
from rnn_vs_attn.tasks.drawing.candidates import Candidates, every, last
from rnn_vs_attn.tasks.drawing.random_numbers import Integers, Stream
from rnn_vs_attn.tasks.spec import Sizes


def parity(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Bits; at each whether the ones so far are odd.

    >>> print(shown("parity", 12))
    0 0 0 1 1 0 1 1 0 0 1 0
    0 0 0 1 0 0 1 0 0 0 1 1
    """
    inputs = stream.below(2, rows, sizes.seq_len)
    return every(inputs, inputs.cumsum(axis=1) % 2, numpy.ones(inputs.shape, dtype=bool))


def mod_arithmetic(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Numbers 0 ... m - 1, operators m (+), m + 1 (-) and m + 2 (*) between them, and m + 3 (=); the result.

    >>> print(shown("mod-arithmetic", 12))
    0 5 1 6 0 5 2 6 2 5 1 8
    - - - - - - - - - - - 2
    """
    m, number = sizes.modulus, sizes.seq_len // 2
    numbers = stream.below(m, rows, number)
    operators = stream.below(NUM_OPERATORS, rows, number - 1)
    inputs = numpy.full((rows, sizes.seq_len), m + NUM_OPERATORS, dtype=numpy.int64)
    inputs[:, 0::2] = numbers
    inputs[:, 1:-1:2] = m + operators
    return last(1, inputs, _result(numbers.T.copy(), operators.T.copy(), m)[:, None])


def _result(numbers: Integers, operators: Integers, m: int) -> Integers:
    """(B,) of numbers and the operators between them, one after another, (B,) each: products before sums."""
    goes_on = (operators == TIMES).astype(numpy.int64)  # 1 where a product does, 0 where it is added
    ends = 1 - goes_on
    begins = ends - 2 * (operators == MINUS)  # the sign of the product that begins, 0 where none does
    total, product = numpy.zeros_like(numbers[0]), numbers[0]
    for i, following in enumerate(numbers[1:]):
        total = total + product * ends[i]
        product = (product * goes_on[i] + begins[i]) * following % m
    return (total + product) % m


def permutation(stream: Stream, rows: int, sizes: Sizes) -> Candidates:
    """Permutations by their place in lexicographic order; at each the product of all so far, the first applied first.

    >>> print(shown("permutation", 8, num_symbols=3))
    0 1 0 3 3 1 5 5
    0 1 1 2 5 3 2 3
    """
    inputs = stream.below(sizes.vocab_size, rows, sizes.seq_len)
    products, table, span = inputs.copy(), _products(sizes.num_symbols), 1
    while span < sizes.seq_len:  # the product of as many as 2 span up to each, of two of as many as span
        products[:, span:] = table.take(products[:, :-span] * sizes.vocab_size + products[:, span:])
        span *= 2
    return every(inputs, products, numpy.ones(inputs.shape, dtype=bool))


@lru_cache
def _products(num_symbols: int) -> Integers:
    """Of p and q, at p times the number of permutations, plus q: p, then q."""
    all_of_them = list(permutations(range(num_symbols)))
    place = {each: i for i, each in enumerate(all_of_them)}
    return numpy.array([place[tuple(q[i] for i in p)] for p in all_of_them for q in all_of_them])
