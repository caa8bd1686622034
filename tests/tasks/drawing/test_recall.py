"""`induction`, `mqar` and `lookup-prefix` by their definitions, in plain Python from the inputs alone."""

from __future__ import annotations

from collections import Counter

import pytest
from task_examples import examples

SPLITS = pytest.mark.parametrize("split", ["train", "test"])


@SPLITS
@pytest.mark.parametrize(("seq_len", "vocab"), [(5, 16), (64, 16), (20, 4)])
def test_induction_is_what_followed_the_mark(seq_len: int, vocab: int, split: str) -> None:
    for example in examples("induction", seq_len, split=split, vocab_size=vocab):
        mark = vocab - 1
        assert example.inputs.count(mark) == 2
        assert example.inputs[-1] == mark
        first = example.inputs.index(mark)
        assert example.answered == {seq_len - 1: example.inputs[first + 1]}
        assert example.answered[seq_len - 1] < mark


SIZES = [
    (64, {}),
    (128, {}),
    (16, {"num_pairs": 4}),
    (64, {"vocab_size": 8192}),
    (20, {"num_pairs": 3, "vocab_size": 8}),
]


@SPLITS
@pytest.mark.parametrize(("seq_len", "sizes"), SIZES)
def test_mqar_is_the_value_of_each_key_that_stands_again(seq_len: int, sizes: dict, split: str) -> None:
    number = sizes.get("num_pairs", seq_len // 16)
    half = sizes.get("vocab_size", max(32, 8 * number)) // 2
    for example in examples("mqar", seq_len, split=split, **sizes):
        keys, values = example.inputs[0 : 2 * number : 2], example.inputs[1 : 2 * number : 2]
        assert len(set(keys)) == len(set(values)) == number
        assert all(1 <= key < half <= value < 2 * half for key, value in zip(keys, values, strict=True))
        value_of = dict(zip(keys, values, strict=True))
        queries = {i: token for i, token in enumerate(example.inputs) if token and i >= 2 * number}
        assert sorted(queries.values()) == sorted(keys)
        assert all(i % 2 == 0 for i in queries)
        assert example.answered == {i: value_of[key] for i, key in queries.items()}


def test_one_of_the_values_is_right_for_one_of_the_pairs() -> None:
    for example in examples("mqar", 64):
        answers = list(example.answered.values())
        assert [answers.count(value) / len(answers) for value in example.inputs[1:8:2]] == [1 / 4] * 4


@pytest.mark.long
def test_the_gaps_of_the_first_key_follow_the_power_law() -> None:
    """Weight i^(0.01 - 1) of gap i, over the 28 even distances behind 4 pairs in 64 tokens."""
    first: Counter[int] = Counter()
    for example in examples("mqar", 64, 4000):
        queries = example.inputs[8:]
        first[queries.index(example.inputs[0]) // 2 + 1] += 1
    weights = {i: i**-0.99 for i in range(1, 29)}
    for i, weight in weights.items():
        likely = weight / sum(weights.values())
        assert abs(first[i] - 4000 * likely) < 5 * (4000 * likely * (1 - likely)) ** 0.5


@SPLITS
@pytest.mark.parametrize(
    ("seq_len", "sizes"),
    [(23, {}), (64, {}), (200, {}), (30, {"num_symbols": 1, "vocab_size": 5}), (11, {"num_symbols": 2})],
)
def test_lookup_is_what_follows_the_key_where_it_stands_once(seq_len: int, sizes: dict, split: str) -> None:
    number, mark = sizes.get("num_symbols", 8), sizes.get("vocab_size", 27) - 1
    for example in examples("lookup-prefix", seq_len, split=split, **sizes):
        words = "".join(chr(97 + token) if token < mark else "|" for token in example.inputs)
        key, string, given = words.split("|")
        assert len(key) == 3
        starts = [i for i in range(len(string)) if string.startswith(key, i)]
        assert len(starts) == 1
        answer = string[starts[0] + 3 :][:number]
        assert len(answer) == number
        assert given == answer[:-1]
        begins = len(key) + 1 + len(string)
        assert example.answered == {begins + i: ord(letter) - 97 for i, letter in enumerate(answer)}


def test_a_key_stands_anywhere_that_its_answer_fits() -> None:
    found = Counter()
    for example in examples("lookup-prefix", 30, 800):
        string = example.inputs[4:22]
        found[next(i for i in range(16) if string[i : i + 3] == example.inputs[:3])] += 1
    assert set(found) == set(range(8))
    assert all(50 < count < 150 for count in found.values())  # 100 expected
