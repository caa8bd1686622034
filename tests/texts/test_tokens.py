"""The ids of a text on disk: whole, in their parts, and written once."""

from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import numpy
import pytest
from written_texts import of_files, written

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts import tokens
from rnn_vs_attn.texts.sources import Text, text_of
from rnn_vs_attn.texts.tokenizers import BYTES, Tokenizer, tokenizer_for
from rnn_vs_attn.texts.tokens import Ids, tokens_of

WORDS = "The cat sat on the mat; the cat's hat sat, too.\r\nÇa va, le 日本語?\n\n" * 20


def merging(text: Text, cache: Path) -> Tokenizer:
    pytest.importorskip("tokenizers", reason="the extra [hf] is not installed")
    return tokenizer_for("bpe:300", text, cache)


def whole(ids: Ids) -> list[int]:
    return [int(each) for each in ids[0 : len(ids)]]


def test_ids_of_bytes_are_the_files(tmp_path: Path) -> None:
    text = of_files(tmp_path, b"abc\0", b"\r\n\xff", b"xyz")
    found = tokens_of(text, BYTES, tmp_path / "cache")
    assert whole(found.train) == list(b"abc\0\r\n\xffxy")
    assert whole(found.held_out) == list(b"z")
    assert found.train[2:5].tolist() == list(b"c\0\r")
    assert found.train[2:5].dtype == numpy.int64
    assert found.train[7:99].tolist() == list(b"xy")  # and never what is held out
    assert found.train[9:12].tolist() == []
    assert (found.tokenizer, found.vocab_size, found.num_bytes.tolist()) == ("bytes", 256, [1] * 256)
    assert not (tmp_path / "cache").exists()


def test_ids_of_merges_are_the_text_and_each_part_is_its_own(tmp_path: Path) -> None:
    text = written(tmp_path, WORDS.encode())
    tokenizer = merging(text, tmp_path / "cache")
    found = tokens_of(text, tokenizer, tmp_path / "cache")
    assert tokenizer.decode(whole(found.train)) == text.read(0, text.held_out_from)
    assert tokenizer.decode(whole(found.held_out)) == text.read(text.held_out_from, text.size)
    assert found.num_bytes[whole(found.train)].sum() == text.held_out_from
    assert found.num_bytes[whole(found.held_out)].sum() == text.size - text.held_out_from
    assert whole(found.train) == tokenizer.encode(text.read(0, text.held_out_from)).tolist()
    assert found.train[3:5].dtype == numpy.int64
    assert found.train[3:5].tolist() == whole(found.train)[3:5]
    assert len(found.train) < text.held_out_from / 1.5


def test_what_is_written_in_pieces_is_what_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, WORDS.encode())
    tokenizer = merging(text, tmp_path)
    at_once = whole(tokens_of(text, tokenizer, tmp_path / "one").train)
    monkeypatch.setattr(tokens, "_AT_ONCE", 50)
    assert whole(tokens_of(text, tokenizer, tmp_path / "two").train) == at_once


def test_ids_are_written_once_and_by_text_and_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    text = written(tmp_path, WORDS.encode())
    tokenizer = merging(text, cache)
    first = tokens_of(text, tokenizer, cache)
    files = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(files) == 3
    assert whole(tokens_of(text, tokenizer, cache).train) == whole(first.train)
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == files
    other = tokenizer_for("bpe:265", text, cache)
    assert whole(tokens_of(text, other, cache).train) != whole(first.train)
    changed = written(tmp_path, WORDS.upper().encode())
    assert tokenizer.decode(whole(tokens_of(changed, tokenizer, cache).held_out)).isupper()


def test_an_empty_part_has_no_ids(tmp_path: Path) -> None:
    text = written(tmp_path, b"x")
    for tokenizer in (BYTES, merging(text, tmp_path)):
        found = tokens_of(text, tokenizer, tmp_path)
        assert (whole(found.train), len(found.held_out)) == ([], 1)


def test_many_ids_are_stored_in_four_bytes(tmp_path: Path) -> None:
    """As many as GPT-2's fit into two."""
    text = written(tmp_path, b"0123456789")

    class Wide:
        name, sha256, vocab_size = "wide", "0", 1 << 17
        num_bytes = numpy.ones(1 << 17, dtype=numpy.int64)

        def encode(self, text: bytes) -> numpy.typing.NDArray[numpy.uint32]:
            return BYTES.encode(text) + numpy.uint32(1 << 16)

        def decode(self, ids: object) -> bytes:
            raise NotImplementedError

    found = tokens_of(text, Wide(), tmp_path)
    assert whole(found.train) == [(1 << 16) + byte for byte in b"012345678"]


def test_a_tokenizer_that_loses_bytes_is_found_out(tmp_path: Path) -> None:
    text = written(tmp_path, WORDS.encode())
    tokenizer = merging(text, tmp_path)
    tokenizer.num_bytes[65:] = 0
    with pytest.raises(UserError, match="--tokenizer bpe:300 loses some of the text; use --tokenizer bytes"):
        tokens_of(text, tokenizer, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_text_that_is_no_utf_8_is_not_written(tmp_path: Path) -> None:
    tokenizer = merging(written(tmp_path, WORDS.encode()), tmp_path)
    text = of_files(tmp_path, b"good", b"caf\xe9")
    with pytest.raises(UserError, match=r"part1.txt is not UTF-8 at byte 3;"):
        tokens_of(text, tokenizer, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, WORDS.encode())
    tokenizer = merging(text, tmp_path)

    def full(_: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*/ids-.*-train.bin: No space left on device; make room"):
        tokens_of(text, tokenizer, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.long
def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    """Ids of 20 MB, read and written in pieces, by a tokenizer that is quick."""

    class Quick:
        name, sha256, vocab_size, num_bytes = "quick", "0", 256, BYTES.num_bytes
        encode, decode = staticmethod(BYTES.encode), staticmethod(BYTES.decode)

    with (tmp_path / "book.txt").open("wb") as file:
        file.truncate(20_000_000)
    tracemalloc.start()
    found = tokens_of(text_of([str(tmp_path / "book.txt")]), Quick(), tmp_path / "cache")
    assert (len(found.train), len(found.held_out)) == (18_000_000, 2_000_000)
    assert sum(found.train[at : at + 1000].size for at in range(0, 18_000_000, 1_000_000)) == 18_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
