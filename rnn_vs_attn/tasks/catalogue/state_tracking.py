"""Tasks of following: a small state moves with every token, and the answer is the state."""

from __future__ import annotations

import math
from dataclasses import replace

from rnn_vs_attn.tasks.spec import STATE_TRACKING, Chance, Forms, Sizes, TaskSpec, uniform

PLUS, MINUS, TIMES = range(3)  # operators of `mod-arithmetic`, whose tokens stand behind those of the numbers
NUM_OPERATORS = 3
SYMBOLS = (2, 5)  # that `permutation` permutes, fewest and most


class Parity(Forms):
    """Bits; the answer at each is whether the ones so far are odd."""

    def filled(self, sizes: Sizes) -> Sizes:
        return replace(sizes, vocab_size=2)

    def num_answers(self, sizes: Sizes) -> int:
        return sizes.seq_len

    def chance(self, sizes: Sizes) -> Chance:
        return uniform(2)

    def bits(self, sizes: Sizes) -> float:
        return 1.0

    def space(self, sizes: Sizes) -> float:
        return float(sizes.seq_len)


class Arithmetic(Forms):
    """Numbers below a prime modulus with an operator between any two, then =; products before sums."""

    def filled(self, sizes: Sizes) -> Sizes:
        modulus = sizes.modulus or 5
        return replace(sizes, modulus=modulus, vocab_size=modulus + NUM_OPERATORS + 1)

    def refusal(self, sizes: Sizes) -> str:
        if sizes.seq_len % 2:
            return f"needs an even number of tokens, and {sizes.seq_len} is odd"
        if sizes.modulus < 2 or any(sizes.modulus % i == 0 for i in range(2, math.isqrt(sizes.modulus) + 1)):
            return f"needs a modulus that is a prime, such as 5, not {sizes.modulus}"
        return ""

    def least_len(self, sizes: Sizes) -> int:
        """a + b * c =, the least that has both a sum and a product to keep."""
        return 6

    def num_classes(self, sizes: Sizes) -> int:
        return sizes.modulus

    def chance(self, sizes: Sizes) -> Chance:
        """Of the constant 0, which is somewhat more frequent than the other m - 1 values, each as often as the next."""
        m = sizes.modulus
        zero = _all_zero(sizes.seq_len // 2, m)
        often, seldom = zero + (1 - zero) / m, (1 - zero) / m
        return Chance(often, -often * math.log(often) - (m - 1) * seldom * math.log(seldom))

    def bits(self, sizes: Sizes) -> float:
        """After an operator the rest is worth s + p x, for the product x that follows: m values of each are apart."""
        return 2 * math.log2(sizes.modulus)

    def space(self, sizes: Sizes) -> float:
        numbers = sizes.seq_len // 2
        return numbers * math.log2(sizes.modulus) + (numbers - 1) * math.log2(NUM_OPERATORS)


def _all_zero(numbers: int, m: int) -> float:
    """How likely it is that every product of a sum is 0 for a reason of its own; else the sum is uniform.

    A product of k numbers is, as m is a prime, uniform with probability u = ((m - 1) / m)^(k - 1), and else 0: it is
    not 0 with probability u (m - 1) / m. One uniform product makes the sum uniform, whatever the signs. The sum is over
    the length k of the last product, which follows a + or - (2 of 3 operators) unless it is all there is.

    >>> _all_zero(1, 5)
    0.0
    >>> _all_zero(2, 5) == (1 / 3) * (1 / 5)
    True
    """
    before = [1.0]
    for end in range(1, numbers + 1):
        lengths = range(1, end + 1)
        split = [1.0 if k == end else 2 / 3 for k in lengths]
        products = [(1 / 3) ** (k - 1) * (1 - ((m - 1) / m) ** (k - 1)) for k in lengths]
        before.append(sum(s * p * before[end - k] for s, p, k in zip(split, products, lengths, strict=True)))
    return before[numbers]


class Permutation(Forms):
    """Permutations of a few symbols; the answer at each is the product of all so far."""

    def filled(self, sizes: Sizes) -> Sizes:
        symbols = sizes.num_symbols or 5
        return replace(sizes, num_symbols=symbols, vocab_size=math.factorial(min(symbols, SYMBOLS[1])))

    def refusal(self, sizes: Sizes) -> str:
        fewest, most = SYMBOLS
        return "" if fewest <= sizes.num_symbols <= most else f"is none that is drawn here; take {fewest} to {most}"

    def num_answers(self, sizes: Sizes) -> int:
        return sizes.seq_len

    def chance(self, sizes: Sizes) -> Chance:
        return uniform(sizes.vocab_size)

    def bits(self, sizes: Sizes) -> float:
        """The product so far."""
        return math.log2(sizes.vocab_size)

    def space(self, sizes: Sizes) -> float:
        return sizes.seq_len * math.log2(sizes.vocab_size)


STATE_TRACKINGS = (
    TaskSpec(
        name="parity",
        family=STATE_TRACKING,
        description="Bits; is the number of ones so far odd?",
        source="Grazzi et al. 2024, section 5; asked at every position",
        answered="every position",
        forms=Parity(),
    ),
    TaskSpec(
        name="mod-arithmetic",
        family=STATE_TRACKING,
        description="Numbers with +, - or * between them; what is the result modulo 5, or another prime?",
        source="Delétang et al. 2023, modular arithmetic without brackets",
        answered="the last position",
        forms=Arithmetic(),
        takes=("modulus",),
    ),
    TaskSpec(
        name="permutation",
        family=STATE_TRACKING,
        description="Permutations, of five symbols unless others are asked for; what do all so far make?",
        source="Merrill et al. 2024, the word problem of S5",
        answered="every position",
        forms=Permutation(),
        takes=("num_symbols",),
    ),
)
