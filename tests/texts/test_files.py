"""Which files words mean."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.files import files_of


def put(folder: Path, **files: bytes) -> Path:
    """Files in a folder; `a__b_txt` is a/b.txt."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def names(*words: Path) -> list[str]:
    """What is taken of folders, by the last two parts of each path."""
    return ["/".join(path.parts[-2:]) for path in files_of([str(word) for word in words]).paths]


def test_a_folder_is_read_by_relative_path_whatever_order_the_disk_has(tmp_path: Path) -> None:
    put(tmp_path, z_txt=b"z", b__a_txt=b"a", a__a_txt=b"other", a_txt=b"first")
    assert names(tmp_path) == [f"{tmp_path.name}/a.txt", "a/a.txt", "b/a.txt", f"{tmp_path.name}/z.txt"]


def test_of_a_folder_only_text_is_taken_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    put(tmp_path, book_txt=b"words", empty_txt=b"", image_png=b"\x89PNG\0\0", _git__config=b"x", _hidden=b"x")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "gone.txt")
    os.mkfifo(tmp_path / "pipe.txt")  # to open it would wait for ever
    found = files_of([str(tmp_path)])
    assert [path.name for path in found.paths] == ["book.txt"]
    assert found.left_out == 4
    assert files_of([str(tmp_path / "image.png")]).paths == (tmp_path / "image.png",)  # who names it means it


def test_a_file_is_taken_once_however_it_is_named(tmp_path: Path) -> None:
    """Else what is held out would be learnt under its other name."""
    put(tmp_path, a_txt=b"a", b_txt=b"b")
    (tmp_path / "c.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "d.txt").hardlink_to(tmp_path / "b.txt")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert [each.rpartition("/")[2] for each in names(tmp_path / "b.txt", tmp_path, tmp_path / "c.txt")] == [
        "b.txt",
        "a.txt",
    ]


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may run in another folder."""
    put(tmp_path, a_txt=b"a")
    monkeypatch.chdir(tmp_path)
    assert files_of(["a.txt"]).paths == (tmp_path / "a.txt",)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("missing.txt", r"cannot read --text 'missing.txt': No such file or directory; give files or folders"),
        ("loop.txt", r"cannot read --text 'loop.txt': Too many levels of symbolic links; give files or folders"),
        ("C:\\texts\\book.txt", r"cannot read --text 'C:\\\\texts\\\\book.txt': No such file or directory"),
        ("nul\0", r"cannot read --text 'nul\\x00': embedded null byte; give files or folders"),
        (" ", r"--text has an empty name; give files or folders, or leave it out"),
        ("empty.txt", r"--text empty.txt is empty; give a file with text in it"),
        ("pipe", r"--text pipe is neither a file nor a folder; what a pipe gives has to be put into a file"),
        ("images", r"--text images is a folder without text; give one with files of text in it, or a file"),
    ],
)
def test_what_is_no_text_is_one_sentence(
    word: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, empty_txt=b"", images__one_png=b"\0", images__none_txt=b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence):
        files_of([word])


def refused(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_file_of_a_folder_that_cannot_be_read_is_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, a_txt=b"a", b_txt=b"b")
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match=r"cannot read .*/a.txt: Permission denied; take it out of the folder, or make"):
        files_of([str(tmp_path)])


def test_a_folder_in_it_that_cannot_be_read_is_not_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, a_txt=b"a", inner__b_txt=b"b")
    scandir = os.scandir

    def scan(path: str) -> object:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(UserError, match=r"cannot read the folder .*/inner: Permission denied; give one that can"):
        files_of([str(tmp_path)])


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take no such name")
def test_a_name_that_is_no_utf_8_is_a_name(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_bytes(b"x")
    assert [os.fsencode(path.name) for path in files_of([str(tmp_path)]).paths] == [b"caf\xe9.txt"]
