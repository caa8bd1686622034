"""Which files are meant by words: files as they are, of folders all that hold text, in an order that stays the same.

Of a folder its hidden files and folders are left out, links to folders (which may lead in circles), empty files and
those that are no text: such as have a NUL byte near their beginning, as git tells them. A file is taken once, however
often it is named or linked to, so that none is both learnt and held out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.errors import UserError

_LOOKED_AT = 8192  # bytes at the beginning of a file


@dataclass(frozen=True)
class Files:
    """left_out: how many files of the folders are no text, or empty; hidden ones are not counted."""

    paths: tuple[Path, ...]
    left_out: int = 0


def files_of(words: Sequence[str]) -> Files:
    """The files of paths, absolute. UserError where one is no file or folder, or holds no text."""
    found: dict[tuple[int, int], Path] = {}
    left_out = 0
    for word in words:
        own, others = _of_word(word)
        left_out += others
        for path in own:
            status = _status(path, str(path))
            found.setdefault((status.st_dev, status.st_ino), path)
    return Files(tuple(found.values()), left_out)


def _of_word(word: str) -> tuple[list[Path], int]:
    """The files that a word means, and how many are left out."""
    if not word.strip():
        raise UserError("--text has an empty name; give files or folders, or leave it out")
    path = Path(word).absolute()
    status = _status(path, word)
    if stat.S_ISREG(status.st_mode):
        if not status.st_size:
            raise UserError(f"--text {word} is empty; give a file with text in it")
        return [path], 0
    if not stat.S_ISDIR(status.st_mode):
        raise UserError(f"--text {word} is neither a file nor a folder; what a pipe gives has to be put into a file")
    inside = sorted(_inside(path), key=lambda each: each.relative_to(path).as_posix())
    texts = [each for each in inside if _is_text(each)]
    if not texts:
        raise UserError(f"--text {word} is a folder without text; give one with files of text in it, or a file")
    return texts, len(inside) - len(texts)


def _status(path: Path, word: str) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read --text {word!r}: {reason}; give files or folders") from None


def _inside(folder: Path) -> Iterator[Path]:
    """All files of a folder and of those in it, but for hidden ones."""

    def fail(error: OSError) -> None:
        raise UserError(f"cannot read the folder {error.filename}: {error.strerror}; give one that can be read")

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _is_text(path: Path) -> bool:
    """UserError where it cannot be read."""
    if not path.is_file():  # a link to nothing, or a pipe, which must not be opened
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(_LOOKED_AT)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; take it out of the folder, or make it readable"
        ) from None
    return bool(beginning) and b"\0" not in beginning
