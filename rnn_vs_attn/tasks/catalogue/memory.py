"""Tasks of keeping: what was read is given back later, or added up, and nothing says where it stands but its mark."""

from __future__ import annotations

import math
from dataclasses import replace

from rnn_vs_attn.tasks.spec import MEMORY, Chance, Forms, Sizes, TaskSpec, ordered, uniform

VALUE_BITS = 23  # of a number of `adding`: the sum of two is exact in float32


class Adding(Forms):
    """Two of seq_len numbers, uniform in [0, 1), are marked, and their sum is asked for."""

    def least_len(self, sizes: Sizes) -> int:
        return 2

    def num_classes(self, sizes: Sizes) -> int:
        return 1

    def chance(self, sizes: Sizes) -> Chance:
        """Of the constant 1, the mean: the variance of the sum of two uniform numbers, 2 / 12."""
        return Chance(None, 1 / 6)

    def bits(self, sizes: Sizes) -> None:
        """None: how many depends on the error that is allowed."""
        return None

    def space(self, sizes: Sizes) -> float:
        return VALUE_BITS * sizes.seq_len + ordered(2, sizes.seq_len) - 1


class Copying(Forms):
    """Symbols that are to be given back in order; of the vocabulary two tokens are none, blank and mark."""

    default_symbols = 10
    default_vocab = 10

    def filled(self, sizes: Sizes) -> Sizes:
        vocab, symbols = sizes.vocab_size or self.default_vocab, sizes.num_symbols or self.default_symbols
        return replace(sizes, vocab_size=vocab, num_symbols=symbols)

    def refusal(self, sizes: Sizes) -> str:
        few = sizes.vocab_size < 4
        return f"needs a vocab_size of at least 4: two symbols, blank and mark, not {sizes.vocab_size}" if few else ""

    def least_len(self, sizes: Sizes) -> int:
        """The symbols, one position more, and as many as there are answers."""
        return 2 * sizes.num_symbols + 1

    def num_answers(self, sizes: Sizes) -> int:
        return sizes.num_symbols

    def chance(self, sizes: Sizes) -> Chance:
        return uniform(sizes.vocab_size - 2)

    def bits(self, sizes: Sizes) -> float:
        """Where the answers begin, every sequence of symbols must have left another state behind."""
        return sizes.num_symbols * math.log2(sizes.vocab_size - 2)

    def space(self, sizes: Sizes) -> float:
        return self.bits(sizes)


class SelectiveCopying(Copying):
    """As Copying, but the symbols stand anywhere among blanks."""

    default_symbols = 8
    default_vocab = 16

    def space(self, sizes: Sizes) -> float:
        number = sizes.num_symbols
        places = ordered(number, sizes.seq_len - number) - ordered(number, number)
        return self.bits(sizes) + places


def lag(sizes: Sizes) -> int:
    """T of `copy`: seq_len is T + 2 num_symbols.

    >>> lag(Sizes(1020, num_symbols=10))
    1000
    """
    return sizes.seq_len - 2 * sizes.num_symbols


MEMORIES = (
    TaskSpec(
        name="adding",
        family=MEMORY,
        description="Two of many numbers between 0 and 1 are marked; what is their sum?",
        source="Hochreiter and Schmidhuber 1997, section 5.4; as in Bai et al. 2018, section 4",
        answered="the last position",
        forms=Adding(),
        real=True,
    ),
    TaskSpec(
        name="copy",
        family=MEMORY,
        description="Digits, then a lag of blanks; what were the digits?",
        source="Arjovsky et al. 2016, section 4.1; as in Bai et al. 2018, section 4",
        answered="the last num_symbols positions",
        forms=Copying(),
        takes=("num_symbols", "vocab_size"),
    ),
    TaskSpec(
        name="selective-copy",
        family=MEMORY,
        description="Symbols stand anywhere among blanks; which were they, in order?",
        source="Gu and Dao 2023, section 4.1.1",
        answered="the last num_symbols positions",
        forms=SelectiveCopying(),
        takes=("num_symbols", "vocab_size"),
    ),
)
