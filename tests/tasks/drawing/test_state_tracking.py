"""`parity`, `mod-arithmetic` and `permutation` by their definitions, in plain Python from the inputs alone."""

from __future__ import annotations

from itertools import permutations

import pytest
from task_examples import examples

SPLITS = pytest.mark.parametrize("split", ["train", "test"])


@SPLITS
@pytest.mark.parametrize("seq_len", [10, 32, 129])
def test_parity_is_whether_the_ones_so_far_are_odd(seq_len: int, split: str) -> None:
    for example in examples("parity", seq_len, split=split):
        assert set(example.inputs) <= {0, 1}
        assert example.answered == {i: sum(example.inputs[: i + 1]) % 2 for i in range(seq_len)}


@SPLITS
@pytest.mark.parametrize(("seq_len", "m"), [(6, 5), (16, 5), (64, 5), (10, 2), (12, 7)])
def test_arithmetic_is_what_python_computes(seq_len: int, m: int, split: str) -> None:
    for example in examples("mod-arithmetic", seq_len, split=split, modulus=m):
        signs = {m: "+", m + 1: "-", m + 2: "*", m + 3: "="}
        words = [signs.get(token, str(token)) for token in example.inputs]
        assert words[-1] == "="
        assert all(word in "+-*" for word in words[1:-1:2])
        assert example.answered == {seq_len - 1: eval("".join(words[:-1])) % m}


@SPLITS
@pytest.mark.parametrize(("seq_len", "symbols"), [(2, 5), (33, 5), (12, 3), (10, 2), (7, 4)])
def test_permutation_is_all_so_far_applied_to_a_row_of_things(seq_len: int, symbols: int, split: str) -> None:
    """row[i] is where thing i has come to; permutation p moves what is at place j to place p(j)."""
    every = list(permutations(range(symbols)))
    for example in examples("permutation", seq_len, number=32, split=split, num_symbols=symbols):
        row, states = tuple(range(symbols)), []
        for token in example.inputs:
            row = tuple(every[token][place] for place in row)
            states.append(every.index(row))
        assert example.answered == dict(enumerate(states))
