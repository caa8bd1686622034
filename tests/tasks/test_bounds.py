"""What a memory of so many bits allows: never less than any code reaches, and what is known at both ends."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import pytest

from rnn_vs_attn.tasks.bounds import best_accuracy
from rnn_vs_attn.tasks.registry import TASKS, find
from rnn_vs_attn.tasks.spec import Sizes

COPY = find("copy")


def best_code(number: int, values: int, states: int) -> float:
    """The best share of `number` symbols right over all ways to keep one of so many states, each read at its best."""
    words = list(product(range(values), repeat=number))
    best = 0
    for code in product(range(states), repeat=len(words)):
        right = 0
        for state in range(states):
            kept = [word for word, its in zip(words, code, strict=True) if its == state]
            right += sum(Counter(column).most_common(1)[0][1] for column in zip(*kept, strict=True))
        best = max(best, right)
    return best / (len(words) * number)


CODES = [(2, 2, 1), (2, 2, 2), (2, 2, 3), (3, 2, 2), (1, 3, 2), (2, 3, 2)]


@pytest.mark.parametrize(("number", "values", "states"), CODES)
def test_no_code_is_better(number: int, values: int, states: int) -> None:
    """Copying few symbols, over every encoder there is."""
    sizes = Sizes(20, vocab_size=values + 2, num_symbols=number)
    reached, bound = best_code(number, values, states), best_accuracy(COPY, sizes, math.log2(states))
    assert reached <= bound + 1e-12
    assert bound < 1
    assert bound - reached < 0.25  # one symbol alone can be coded worst, more of them together better


def test_with_no_memory_it_is_chance_and_with_enough_it_is_all() -> None:
    for name in ("copy", "selective-copy", "induction", "lookup-prefix"):
        spec = find(name)
        sizes = spec.sizes(64)
        assert best_accuracy(spec, sizes, 0) == pytest.approx(spec.forms.chance(sizes).accuracy, abs=1e-7)
        bits = spec.forms.bits(sizes)
        assert best_accuracy(spec, sizes, bits) == 1
        assert best_accuracy(spec, sizes, bits - 0.01) < 1


def test_values_that_differ_are_easier_to_guess_than_chance() -> None:
    """Of `mqar`: all of them are not independent, so the bound is a little above one of W."""
    mqar = find("mqar")
    sizes = mqar.sizes(64, num_pairs=3, vocab_size=8)
    assert best_accuracy(mqar, sizes, 0) > 1 / 4
    assert best_accuracy(mqar, sizes, mqar.forms.bits(sizes)) == 1


def test_half_of_the_bits_of_ten_digits() -> None:
    """15 = 30 - 10 (h(a) + (1 - a) log2 7), solved for a."""
    share = best_accuracy(COPY, COPY.sizes(100), 15)
    left = -share * math.log2(share) - (1 - share) * math.log2(1 - share) + (1 - share) * math.log2(7)
    assert 30 - 10 * left == pytest.approx(15)
    assert 1 / 8 < share < 1


def test_more_memory_never_allows_less() -> None:
    mqar = find("mqar")
    sizes = mqar.sizes(128)
    shares = [best_accuracy(mqar, sizes, bits) for bits in range(0, 48, 4)]
    assert shares == sorted(shares)


def test_where_the_state_is_the_answer_there_is_none() -> None:
    none = [spec.name for spec in TASKS if best_accuracy(spec, spec.sizes(64), 8) is None]
    assert none == ["adding", "parity", "mod-arithmetic", "permutation"]
