"""Closed forms of `parity`, `mod-arithmetic` and `permutation`; the chance of arithmetic against all expressions."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.tasks.registry import find


def results(numbers: int, m: int) -> Counter[int]:
    """Of all expressions of so many numbers, as Python computes them."""
    found: Counter[int] = Counter()
    for values in product(range(m), repeat=numbers):
        for operators in product("+-*", repeat=numbers - 1):
            pairs = zip((*operators, ""), values, strict=True)
            found[eval("".join(f"{value}{operator}" for operator, value in pairs)) % m] += 1
    return found


@pytest.mark.parametrize(("numbers", "m"), [(3, 5), pytest.param(4, 5, marks=pytest.mark.long), (5, 2), (4, 3), (3, 7)])
def test_the_chance_of_arithmetic_is_that_of_all_expressions(numbers: int, m: int) -> None:
    spec = find("mod-arithmetic")
    try:
        sizes = spec.sizes(2 * numbers, modulus=m)
    except UserError:
        sizes = spec.forms.filled(type(spec.sizes(64))(2 * numbers, modulus=m))  # too few to train on, not to count
    chance = spec.forms.chance(sizes)
    counts = results(numbers, m)
    total = sum(counts.values())
    assert total == pytest.approx(2 ** spec.forms.space(sizes))
    assert chance.accuracy == pytest.approx(max(counts.values()) / total, rel=1e-12)
    entropy = -sum(count / total * math.log(count / total) for count in counts.values())
    assert chance.loss == pytest.approx(entropy, rel=1e-12)
    assert counts.most_common(1)[0][0] == 0
    assert len({count for result, count in counts.items() if result}) == 1


def test_the_chance_of_arithmetic_nears_one_in_five() -> None:
    spec = find("mod-arithmetic")
    levels = [spec.forms.chance(spec.sizes(seq_len)).accuracy for seq_len in (6, 16, 64, 256)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == pytest.approx(1 / 5, abs=1e-3)


def test_chance_of_the_others() -> None:
    parity, permutation = find("parity"), find("permutation")
    assert parity.forms.chance(parity.sizes(32)).accuracy == 1 / 2
    assert permutation.forms.chance(permutation.sizes(32)).accuracy == 1 / 120
    assert permutation.forms.chance(permutation.sizes(32, num_symbols=3)).loss == math.log(6)


def test_what_must_be_remembered_is_the_state() -> None:
    parity, arithmetic, permutation = (find(name) for name in ("parity", "mod-arithmetic", "permutation"))
    assert parity.forms.bits(parity.sizes(32)) == 1
    assert permutation.forms.bits(permutation.sizes(32)) == math.log2(120)
    assert 2 ** arithmetic.forms.bits(arithmetic.sizes(32)) == pytest.approx(25)


def test_arithmetic_has_as_many_states_as_beginnings_that_later_tokens_tell_apart() -> None:
    """Beginnings of three operators, each by its results over all that may follow; there are m^2 kinds."""
    after = ["0", "1", "2", "3*4", "4+1"]
    kinds = {
        tuple(eval(f"{a}+{b}{op}{rest}") % 5 for rest in after) for a in range(5) for b in range(5) for op in "+-*"
    }
    assert len(kinds) == 25
