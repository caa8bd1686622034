"""Bits a byte without a network, against what is known by hand and by the standard library."""

from __future__ import annotations

import lzma
import math
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from written_texts import of_files, written

from rnn_vs_attn.texts.baselines import Baseline, baselines_of, by_bigram, by_lzma

ALL = 1 << 20  # bytes of the held-out part


def test_pairs_of_six_bytes_by_hand(tmp_path: Path) -> None:
    """ababa is learnt, in which b stands behind both of two a: the b that is held out has (2 + 1) / (2 + 256)."""
    assert by_bigram(written(tmp_path, b"ababab"), ALL) == Baseline("bigram", pytest.approx(math.log2(258 / 3)), 5, 1)


def test_what_was_never_seen_costs_eight_bits(tmp_path: Path) -> None:
    assert by_bigram(written(tmp_path, b"aaaaaaaaab"), ALL).bits_per_byte == pytest.approx(math.log2((8 + 256) / 1))
    assert by_bigram(written(tmp_path, b"x"), ALL).bits_per_byte == 8
    assert by_bigram(written(tmp_path, b"abcdefghij"), ALL).bits_per_byte == pytest.approx(8)


def slowly(train: bytes, held_out: bytes) -> float:
    """The same in the plainest way."""
    pairs = Counter(pairwise(train))
    firsts = Counter(train[:-1])
    asked = zip(train[-1:] + held_out, held_out, strict=False)
    return sum(-math.log2((pairs[a, b] + 1) / (firsts[a] + 256)) for a, b in asked) / len(held_out)


def test_pairs_over_the_borders_of_pieces_and_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.texts.baselines.AT_ONCE", 7)
    content = bytes(random.Random(0).choices(range(200, 206), k=300))
    text = of_files(tmp_path, content[:100], content[100:101], content[101:])
    assert by_bigram(text, ALL).bits_per_byte == pytest.approx(slowly(content[:270], content[270:]), rel=1e-12)
    assert by_bigram(text, ALL, 50).bits_per_byte == pytest.approx(slowly(content[220:270], content[270:]), rel=1e-12)
    assert by_bigram(text, ALL, 50).train_bytes == 50


def test_lzma_is_that_of_the_standard_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.texts.baselines.AT_ONCE", 7)
    content = b" ".join(b"%d words and %d more" % (i * i, i) for i in range(200))
    text = written(tmp_path, content)

    def packed(content: bytes) -> int:
        return len(lzma.compress(content, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}]))

    middle = text.held_out_from
    expected = 8 * (packed(content) - packed(content[:middle])) / (len(content) - middle)
    assert by_lzma(text, ALL) == Baseline("lzma", expected, middle, len(content) - middle)
    assert by_lzma(text, ALL, 300).train_bytes == 300


@pytest.mark.long
def test_what_is_known_of_noise_and_of_one_byte(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(200_000)
    for found in baselines_of(written(tmp_path, noise), ALL):
        assert found.bits_per_byte == pytest.approx(8, rel=0.1)  # the pairs have seen each other less than 3 times
        assert found.bits_per_byte >= 7.99
    compressed, pairs = baselines_of(written(tmp_path, b"a" * 200_000), ALL)
    assert compressed.bits_per_byte < 0.01
    assert pairs.bits_per_byte == pytest.approx(math.log2((179_999 + 256) / 180_000), abs=1e-9)


def test_of_a_long_text_a_stated_part_is_looked_at(tmp_path: Path) -> None:
    text = written(tmp_path, b"ab" * 50)
    for found in (by_lzma(text, 3, 20), by_bigram(text, 3, 20)):
        assert (found.train_bytes, found.held_out_bytes) == (20, 3)
    assert by_bigram(text, 3, 20).bits_per_byte == pytest.approx(slowly(b"ab" * 10, b"aba"))
