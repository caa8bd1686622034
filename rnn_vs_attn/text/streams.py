"""Standard output and error that take everything: who reads a pipe, or how full a disk is, decides nothing about a run.

From the first error on, what is written is dropped and the reason kept; nothing is raised, neither here nor in rich, in
typer or at the interpreter's end, so the exit code is always the command's own.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import shutil
import sys
import textwrap
from typing import Any, TextIO

from rnn_vs_attn.text.safe import encodable, json_text, one_line

_REPLACED = "rnn-vs-attn"  # the name under which codecs know `_replacement`
_CLOSED = OSError(errno.EBADF, "it is closed")
_ALIKE = {"–": "-", "±": "+/-", "÷": "/", "×": "x", "·": "*", "≈": "~", "≥": ">=", "²": "^2", "µ": "u", "…": "..."}


class _Takes(io.FileIO):
    """A descriptor that takes every byte; `error` says why it took no more."""

    def __init__(self, descriptor: int, error: OSError | None = None) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.error = error

    def write(self, content: Any) -> int:
        left = memoryview(content).cast("B")
        size = len(left)
        while left and self.error is None:
            try:
                taken = super().write(left)
            except OSError as error:
                self.error = error
            else:  # None: a terminal that does not wait, and is busy
                left = left[taken:] if taken is not None else self._when_ready(left)
        return size

    def _when_ready(self, left: memoryview) -> memoryview:
        select.select([], [self], [])
        return left


def take_over() -> None:
    """Make both streams such ones; what is closed becomes a device that swallows, so that no file takes its number."""
    for number, name in ((0, ""), (1, "stdout"), (2, "stderr")):
        error = None
        try:
            os.fstat(number)
        except OSError:
            error = _CLOSED
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
        if name and getattr(sys, name) is getattr(sys, f"__{name}__"):  # a test's own stream stays
            setattr(sys, name, _opened(number, getattr(sys, name), error))


def _opened(number: int, before: TextIO | None, error: OSError | None) -> TextIO:
    """The stream of a descriptor, encoded like the one before it; it holds no line back where that did not."""
    if before is not None:
        before.flush()
    unbuffered = getattr(before, "write_through", False)  # as under python -u
    return io.TextIOWrapper(
        io.BufferedWriter(_Takes(number, error)),
        encoding=getattr(before, "encoding", "utf-8"),
        errors=_REPLACED,
        line_buffering=unbuffered or getattr(before, "line_buffering", False),
    )


def say(text: str) -> None:
    """One line on standard error, whatever is in it."""
    print(one_line(text), file=sys.stderr)


def show(*texts: str) -> None:
    """One line on standard output, whatever is in it; several texts have tabs between them. No word is broken."""
    line = "\t".join(map(one_line, texts))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    print(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) if width else line)


def print_json(document: Any) -> None:
    """One document on standard output, which holds every letter whatever the stream's encoding is."""
    print(json_text(document, ascii_only=not (sys.stdout.encoding or "").lower().startswith("utf")))


def print_document(text: str) -> None:
    """What is for another program on standard output: in UTF-8, as in a file; a terminal is shown what it can show."""
    to = getattr(sys.stdout, "buffer", None)
    if to is None or sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        to.write(encodable(text).encode())


def lost(stream: TextIO) -> str:
    """Why a stream did not take all, "" where it did, or where who read it had read enough."""
    stream.flush()
    error = getattr(_raw(stream), "error", None)
    return "" if error is None or isinstance(error, ConnectionError) else str(error.strerror)


def takes_more(stream: TextIO) -> bool:
    """Whether what is written to a stream still goes anywhere."""
    stream.flush()
    return getattr(_raw(stream), "error", None) is None


def wait_no_longer() -> None:
    """Drop what is not written yet: a command that was interrupted does not stay for a reader who does not read."""
    for raw in map(_raw, (sys.stdout, sys.stderr)):
        if isinstance(raw, _Takes) and raw.error is None:
            raw.error = BrokenPipeError()


def _raw(stream: TextIO) -> Any:
    return getattr(getattr(stream, "buffer", None), "raw", None)


def in_letters_of(encoding: str, text: str) -> str:
    """`text` as that encoding can hold it: what it lacks stands as what looks alike, or as its escape."""
    return text.encode(encoding, _REPLACED).decode(encoding)


def _replacement(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(_ALIKE.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking), error.end


codecs.register_error(_REPLACED, _replacement)
