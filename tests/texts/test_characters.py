"""Where a text is cut, and which byte of it is no UTF-8."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_texts import of_files, written

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts import characters
from rnn_vs_attn.texts.characters import check_utf8, cut, pieces


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"one two thr", 7),
        (b"one  two", 3),  # before all of the white space
        (b"one\r\ntwo", 3),
        (b"one\n\n  ", 3),
        (b" one", 4),  # behind nothing: no place but the end
        (b"word", 4),
        ("日本語".encode(), 6),  # whether the last one is whole is not known
        ("日本語".encode()[:-1], 6),
        ("日本\u3000 x".encode(), 11),  # white space behind white space that is no ASCII
        (b"x", 1),
        (b"\xe6", 1),
        (b"\x80\x80\x80\x80\x80", 5),
    ],
)
def test_where_a_text_is_cut(content: bytes, place: int) -> None:
    assert cut(content) == place


@pytest.mark.long
@given(st.text(alphabet="ab \n\r日é\u3000", min_size=1, max_size=40), st.integers(4, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_are_the_text_and_whole_characters(tmp_path: Path, content: str, most: int) -> None:
    text = written(tmp_path, content.encode())
    found = list(pieces(text, 0, text.size, most))
    assert "".join(piece.decode() for piece in found) == content
    assert all(0 < len(piece) <= most for piece in found)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"caf\xe9 noir", 3),
        (b"\xff\xfea\0", 0),
        ("aé".encode()[:-1], 1),  # ends in the middle of a character
        (b"ab\xed\xa0\x80", 2),  # half of a pair of UTF-16
        (b"ab\xc0\x80", 2),  # NUL in two bytes
        ("abcdeé".encode()[:-1] + b"x", 5),  # of which the first byte was read before
    ],
)
@pytest.mark.parametrize("at_once", [1 << 20, 2, 1])
def test_the_byte_that_is_wrong_is_named(
    content: bytes, place: int, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(characters, "AT_ONCE", at_once)
    text = of_files(tmp_path, "écrit".encode(), content)
    with pytest.raises(UserError, match=rf"/part1.txt is not UTF-8 at byte {place}; convert it, or use --tokenizer b"):
        check_utf8(text)


def test_what_is_utf_8_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "AT_ONCE", 2)
    text = of_files(tmp_path, "\ufeffaé€𝄞\r\n".encode(), b"nul\0", "é".encode())
    check_utf8(text)
    assert text.read(0, text.size).decode() == "\ufeffaé€𝄞\r\nnul\0é"


def test_a_character_in_two_files_is_whole_in_neither(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/part0.txt is not UTF-8 at byte 2;"):
        check_utf8(of_files(tmp_path, b"ab\xc3", b"\xa9"))
