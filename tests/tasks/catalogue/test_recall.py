"""Closed forms of `induction`, `mqar` and `lookup-prefix`."""

from __future__ import annotations

import math
from itertools import permutations

import pytest

from rnn_vs_attn.tasks.catalogue.recall import string_len
from rnn_vs_attn.tasks.registry import find


def test_chance_is_one_of_the_values() -> None:
    mqar, induction, lookup = (find(name) for name in ("mqar", "induction", "lookup-prefix"))
    assert mqar.forms.chance(mqar.sizes(32, num_pairs=4, vocab_size=64)).accuracy == 1 / 32
    assert mqar.forms.chance(mqar.sizes(64, vocab_size=8192)).loss == math.log(4096)
    assert induction.forms.chance(induction.sizes(64)).accuracy == 1 / 15
    assert lookup.forms.chance(lookup.sizes(64)).accuracy == 1 / 26


def test_what_must_be_remembered_of_mqar_is_told_apart_by_its_answers() -> None:
    """With one set of keys, any two sequences of values give another answer to some key."""
    mqar = find("mqar")
    values = list(permutations(range(4), 3))
    assert len({tuple(zip("abc", each, strict=True)) for each in values}) == 24
    assert mqar.forms.bits(mqar.sizes(64, num_pairs=3, vocab_size=8)) == pytest.approx(math.log2(24))
    assert mqar.forms.bits(mqar.sizes(64, vocab_size=8192)) == pytest.approx(4 * 12, abs=1e-2)


def test_what_must_be_remembered_of_the_others_does_not_grow_with_the_length() -> None:
    induction, lookup = find("induction"), find("lookup-prefix")
    for seq_len in (64, 1024):
        assert induction.forms.bits(induction.sizes(seq_len)) == math.log2(15)
        assert lookup.forms.bits(lookup.sizes(seq_len)) == 8 * math.log2(26)
        assert lookup.forms.bits(lookup.sizes(seq_len, num_symbols=2)) == 3 * math.log2(26)


def test_pairs_keep_to_the_rule_of_the_published_sizes() -> None:
    mqar = find("mqar")
    published = {64: 4, 128: 8, 256: 16}
    assert {seq_len: mqar.sizes(seq_len).num_pairs for seq_len in published} == published
    assert mqar.sizes(512).num_pairs == 32
    assert mqar.sizes(512, num_pairs=64).num_pairs == 64  # the hardest of the figure, which has another rule there
    for seq_len in (12, 64, 128, 512, 1024):
        sizes = mqar.sizes(seq_len)
        assert sizes.num_pairs <= sizes.vocab_size // 2 / 4
    assert mqar.sizes(16, num_pairs=4).seq_len == 4 * 4


def test_a_string_is_what_the_rest_leaves() -> None:
    lookup = find("lookup-prefix")
    sizes = lookup.sizes(23)
    assert string_len(sizes) == 3 + 8
    assert 3 + 1 + string_len(sizes) + 1 + 8 - 1 == 23
