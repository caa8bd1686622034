"""Tasks of finding: a token, or several, say which of the earlier tokens is asked for."""

from __future__ import annotations

import math
from dataclasses import replace

from rnn_vs_attn.tasks.spec import RECALL, Chance, Forms, Sizes, TaskSpec, ordered, uniform

KEY_LEN = 3  # tokens of the key of `lookup-prefix`


class Induction(Forms):
    """One token of the vocabulary is the mark, which stands somewhere and again at the end."""

    def filled(self, sizes: Sizes) -> Sizes:
        return replace(sizes, vocab_size=sizes.vocab_size or 16)

    def refusal(self, sizes: Sizes) -> str:
        few = sizes.vocab_size < 3
        return f"needs a vocab_size of at least 3: two symbols and the mark, not {sizes.vocab_size}" if few else ""

    def least_len(self, sizes: Sizes) -> int:
        """The mark, what follows it, and the mark again."""
        return 3

    def chance(self, sizes: Sizes) -> Chance:
        return uniform(sizes.vocab_size - 1)

    def bits(self, sizes: Sizes) -> float:
        """The token that followed the mark; no other is asked for, as there is one mark."""
        return math.log2(sizes.vocab_size - 1)

    def space(self, sizes: Sizes) -> float:
        free = sizes.seq_len - 2
        return free * math.log2(sizes.vocab_size - 1) + math.log2(free)


class MultiQueryRecall(Forms):
    """Token 0 is blank, keys are 1 ... V / 2 - 1, values V / 2 ... V - 1."""

    def filled(self, sizes: Sizes) -> Sizes:
        """Four pairs where they fit, and more from 128 tokens on: one for 16 tokens, as in Zoology's figure 2.

        Each has four keys and four values to be drawn from, or there are 32 tokens.
        """
        pairs = sizes.num_pairs or min(max(1, sizes.seq_len // 4), max(4, sizes.seq_len // 16))
        return replace(sizes, num_pairs=pairs, vocab_size=sizes.vocab_size or max(32, 8 * pairs))

    def refusal(self, sizes: Sizes) -> str:
        if sizes.seq_len % 2:
            return f"needs an even number of tokens, and {sizes.seq_len} is odd"
        least = 2 * (sizes.num_pairs + 1)
        if sizes.vocab_size % 2 or sizes.vocab_size < least:
            return f"needs an even vocab_size of at least {least}, half of it for keys, not {sizes.vocab_size}"
        return ""

    def least_len(self, sizes: Sizes) -> int:
        """Two tokens a pair, and two from one query to the next."""
        return 4 * sizes.num_pairs

    def num_answers(self, sizes: Sizes) -> int:
        return sizes.num_pairs

    def chance(self, sizes: Sizes) -> Chance:
        """One of the values that stand among the pairs, whatever the key, is right for 1 of num_pairs."""
        return uniform(sizes.vocab_size // 2)

    def bits(self, sizes: Sizes) -> float:
        """log2 of W (W - 1) ... (W - n + 1) for n pairs and W values, about n log2 W.

        After the pairs all sequences of different values must have left different states behind, for one and the same
        set of keys. Which keys there were need not be remembered beside, as no other is asked for.
        """
        return ordered(sizes.num_pairs, sizes.vocab_size // 2)

    def space(self, sizes: Sizes) -> float:
        slots = (sizes.seq_len - 2 * sizes.num_pairs) // 2
        keys = ordered(sizes.num_pairs, sizes.vocab_size // 2 - 1)
        return keys + self.bits(sizes) + ordered(sizes.num_pairs, slots)


class PrefixLookup(Forms):
    """One token of the vocabulary divides: key | string | answer, of which the last token is not read."""

    def filled(self, sizes: Sizes) -> Sizes:
        return replace(sizes, vocab_size=sizes.vocab_size or 27, num_symbols=sizes.num_symbols or 8)

    def refusal(self, sizes: Sizes) -> str:
        """A key must be the only one of its kind, which is rare where there are fewer kinds than places."""
        places = string_len(sizes)
        if (sizes.vocab_size - 1) ** KEY_LEN >= max(places, 8):
            return ""
        least = 1 + math.ceil(max(places, 8) ** (1 / KEY_LEN))
        return f"needs a vocab_size of at least {least} at {sizes.seq_len} tokens, or most keys stand in several places"

    def least_len(self, sizes: Sizes) -> int:
        """Key, mark, a string of the key and what follows it, mark, and the answer but for its last token."""
        return 2 * (KEY_LEN + sizes.num_symbols) + 1

    def num_answers(self, sizes: Sizes) -> int:
        return sizes.num_symbols

    def chance(self, sizes: Sizes) -> Chance:
        return uniform(sizes.vocab_size - 1)

    def bits(self, sizes: Sizes) -> float:
        """Before the string the key, after it the answer: whichever is more, at any length."""
        return max(KEY_LEN, sizes.num_symbols) * math.log2(sizes.vocab_size - 1)

    def space(self, sizes: Sizes) -> float:
        """At most: of strings in which the key stands twice there are few."""
        places = max(1, string_len(sizes) - KEY_LEN - sizes.num_symbols + 1)
        return string_len(sizes) * math.log2(sizes.vocab_size - 1) + math.log2(places)


def string_len(sizes: Sizes) -> int:
    """Of `lookup-prefix`: how many tokens the key is looked for in.

    >>> string_len(Sizes(64, vocab_size=27, num_symbols=8))
    52
    """
    return sizes.seq_len - KEY_LEN - 1 - sizes.num_symbols


RECALLS = (
    TaskSpec(
        name="induction",
        family=RECALL,
        description="A mark stands somewhere and again at the end; which token followed it the first time?",
        source="Gu and Dao 2023, section 4.1.2",
        answered="the last position",
        forms=Induction(),
        takes=("vocab_size",),
    ),
    TaskSpec(
        name="mqar",
        family=RECALL,
        description="Pairs of key and value, then each key once more, anywhere; what was its value?",
        source="Arora et al. 2023 (Zoology), definition 3.1, and its code",
        answered="wherever a key stands again",
        forms=MultiQueryRecall(),
        takes=("num_pairs", "vocab_size"),
    ),
    TaskSpec(
        name="lookup-prefix",
        family=RECALL,
        description="A key, then a list that has it in one place; what follows it there?",
        source="Jelassi et al. 2024, n-gram lookup with a prefix key, and its code",
        answered="the last num_symbols positions",
        forms=PrefixLookup(),
        takes=("num_symbols", "vocab_size"),
    ),
)
