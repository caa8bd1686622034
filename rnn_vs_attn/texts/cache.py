"""The folder where what is made of a text is kept from one run to the next, and how a file comes to be there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import replacing

_WAY_OUT = "make room, or set XDG_CACHE_HOME to a folder that can be written"


def cache_folder() -> Path:
    """rnn-vs-attn within $XDG_CACHE_HOME, or within ~/.cache. UserError where neither is known."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # noqa: PTH117 (the XDG base directory specification: a relative one is to be ignored)
        return Path(given) / "rnn-vs-attn"
    try:
        return Path.home() / ".cache" / "rnn-vs-attn"
    except RuntimeError:
        raise UserError("no home folder is known to keep texts in; set XDG_CACHE_HOME to an absolute path") from None


@contextmanager
def writing(target: Path) -> Iterator[BinaryIO]:
    """A file that is there, whole, once the block has ended. UserError where it cannot be written; nothing stays then.

    Several processes may write the same at once: each writes beside it under a name of its own.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, f".{os.getpid()}.part") as file:
            yield file
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}; {_WAY_OUT}") from None


def key_of(*parts: object) -> str:
    """A name for what is made of these, which anything else is not made of."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
