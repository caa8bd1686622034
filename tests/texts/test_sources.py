"""Files one after another, the last tenth of them held out, and read piece by piece."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_texts import of_files, written

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.sources import TOPICS, Source, Text, text_of


def test_a_text_of_one_file_is_that_file(tmp_path: Path) -> None:
    text = written(tmp_path, b"0123456789")
    assert (text.name, text.size, text.held_out_from) == ("book.txt", 10, 9)
    assert text.sha256 == text.files[0].sha256 == hashlib.sha256(b"0123456789").hexdigest()
    assert text.read(2, 5) == b"234"
    assert text.read(8, 99) == b"89"
    assert text.read(10, 12) == text.read(5, 5) == b""


def test_files_follow_each_other_and_none_is_named_by_its_folder(tmp_path: Path) -> None:
    for folder, content in (("alice", b"abc"), ("bob", b"defg")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.txt").write_bytes(content)
    text = text_of([str(tmp_path)])
    assert (text.name, text.size, text.held_out_from) == ("2 files", 7, 6)
    each = [hashlib.sha256(content).hexdigest() for content in (b"abc", b"defg")]
    assert [source.sha256 for source in text.files] == each
    assert text.sha256 == hashlib.sha256(f"{each[0]}\n{each[1]}\n".encode()).hexdigest()


@pytest.mark.long
@given(st.lists(st.integers(0, 7), min_size=1, max_size=6), st.integers(0, 20), st.integers(0, 20))
def test_parts_over_the_borders_of_files_are_those_of_the_whole(sizes: list[int], begin: int, end: int) -> None:
    whole = bytes(range(sum(sizes)))
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]

    class Held(Source):
        def read(self, begin: int, end: int) -> bytes:
            assert 0 <= begin < end <= self.size
            start = int(self.sha256)
            return whole[start + begin : start + end]

    files = tuple(Held(Path("x"), n, str(last - n), 0) for n, last in zip(sizes, ends, strict=True))
    text = Text("x", files, len(whole), "", 0)
    assert text.read(begin, end) == whole[begin:end]
    assert b"".join(text.pieces(0, len(whole), 3)) == whole


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"x", 0),  # nothing is left to learn of, which whoever cuts it into lanes says
        ("12345678é0".encode(), 8),  # 9 is in the middle of é
        ("1234567€".encode(), 7),  # the whole of the last character, of three bytes
        ("123456𝄞".encode(), 6),
        (b"12345678\xe9\n", 9),  # Latin-1, as it is
        (b"1234567\x80\x80\x80", 9),  # bytes that go on with nothing
        (b"12345678\r\n", 9),
    ],
)
def test_the_held_out_part_begins_with_a_character(content: bytes, place: int, tmp_path: Path) -> None:
    text = written(tmp_path, content)
    assert text.held_out_from == place
    assert text.read(0, place) + text.read(place, text.size) == content


def test_a_character_may_lie_in_two_files(tmp_path: Path) -> None:
    """One that ends in the middle of it, as cut by `split -b`."""
    text = of_files(tmp_path, b"12345678\xc3", b"\xa90")
    assert text.held_out_from == 8


def test_without_words_it_is_a_text_that_every_python_has(tmp_path: Path) -> None:
    text = text_of((), tmp_path)
    from pydoc_data.topics import topics

    assert text.name == TOPICS
    assert text.size > 400_000
    assert text.read(0, text.size).decode() == "".join(topics[name] for name in sorted(topics))
    (file,) = tmp_path.iterdir()
    assert text.files[0].path == file
    before = file.stat().st_mtime_ns
    assert text_of((), tmp_path) == text
    assert file.stat().st_mtime_ns == before  # not written again, as another process may be reading it
    file.write_bytes(b"damaged")
    assert text_of((), tmp_path).sha256 == text.sha256


def test_a_file_that_is_no_longer_what_it_was_is_not_read(tmp_path: Path) -> None:
    text, path = written(tmp_path, b"0123456789"), tmp_path / "book.txt"
    text.check()
    path.write_bytes(b"0123456789 and more")
    for read in (text.check, lambda: text.read(0, 2)):
        with pytest.raises(UserError, match=r"book.txt had 10 bytes and now has 19; start a run of its own"):
            read()
    path.write_bytes(b"abcdefghij")
    os.utime(path, ns=(0, text.files[0].modified_ns + 1))
    for read in (text.check, lambda: text.read(0, 2)):
        with pytest.raises(UserError, match=r"book.txt was written again since the run began; start a run of its own"):
            read()
    path.unlink()
    with pytest.raises(UserError, match=r"cannot read /.*/book.txt, a file of the text: No such file or directory; st"):
        text.check()
    with pytest.raises(UserError, match=r"cannot read book.txt, a file of the text: No such file or directory; st"):
        text.read(0, 2)  # in a worker, whose sentences stand in records: without the folder


def test_a_file_that_grows_while_it_is_read_first_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"line\n")
    real = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        with path.open("ab") as file:
            file.write(b"more\n")
        os.utime(path, ns=(0, found.st_mtime_ns + 1))
        return found

    monkeypatch.setattr(os, "fstat", growing)
    with pytest.raises(UserError, match=r"log.txt was written again since the run began"):
        text_of([str(path)])


def test_without_permission_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "book.txt").write_bytes(b"words")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match=r"cannot read .*/book.txt: Permission denied; give text that can be read"):
        text_of([str(tmp_path / "book.txt")])


@pytest.mark.long
def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    """A text that takes no room on the disk, hashed and read through."""
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    text = text_of([str(path)])
    assert sum(len(piece) for piece in text.pieces(0, text.size)) == text.size == 50_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
