"""Temporary folders of this program. What a killed process has left is removed by the next one that makes one.

A folder belongs to the process that holds the lock of a file in it, which the kernel releases when that process ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "rnn-vs-attn-"
_LOCK = "lock"
_held: dict[Path, int] = {}


def make() -> Path:
    """A new folder, until `remove`."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    new = folder / f"{_LOCK}.new"
    lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)  # locked before another process looks for it
    _held[folder] = lock
    return folder


def remove(folder: Path) -> None:
    """Remove what `make` has made."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(_held.pop(folder))


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, for as long as the context lasts."""
    made = make()
    try:
        yield made
    finally:
        remove(made)


def sweep() -> None:
    """Remove this user's folders whose processes are gone."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if left.resolve() not in _held:
            _remove_if_left(left)


def _remove_if_left(left: Path) -> None:
    try:
        if left.is_symlink() or left.lstat().st_uid != os.geteuid():
            return
        lock = os.open(left / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # gone in the meantime, or not one of these
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # its process lives
    else:
        shutil.rmtree(left, ignore_errors=True)
    finally:
        os.close(lock)
