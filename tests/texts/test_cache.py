"""Where the cache folder is, and that what is in it is whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.cache import cache_folder, key_of, writing


def test_the_folder_is_that_of_the_standard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "rnn-vs-attn"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/other")
    assert cache_folder() == Path("/var/other/rnn-vs-attn")
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == tmp_path / ".cache" / "rnn-vs-attn"


def test_without_a_home_it_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(UserError, match="no home folder is known to keep texts in; set XDG_CACHE_HOME"):
        cache_folder()


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with writing(target) as file:
        file.write(b"half")
        assert not target.exists()
        with writing(target) as other:  # of another process it would have another name
            other.write(b"whole")
        assert target.read_bytes() == b"whole"
        (target.parent / f"file.{os.getpid()}.part").write_bytes(b"")
        file.write(b" and half")
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def filled(target: Path) -> None:
    with writing(target) as file:
        file.write(b"new")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_and_a_closed_folder_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(UserError, match=r"cannot write .*/old: No space left on device; make room, or set XDG_CACHE"):
        filled(tmp_path / "old")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old", b"old")]
    with pytest.raises(UserError, match=r"cannot write .*/old/inner/file: Not a directory; make room"):
        filled(tmp_path / "old" / "inner" / "file")


def test_an_error_of_what_is_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text"), writing(tmp_path / "file"):
        raise UserError("no text")
    with pytest.raises(KeyboardInterrupt), writing(tmp_path / "file"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_keys_tell_apart_what_differs() -> None:
    assert key_of("a", 1) == key_of("a", 1) != key_of("a", "1")
    assert key_of("ab", "c") != key_of("a", "bc")
