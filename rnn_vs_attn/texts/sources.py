"""A text: files one after another, of which the last tenth is held out. It is read from disk and never held whole."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.cache import cache_folder, writing
from rnn_vs_attn.texts.files import Files, files_of

TOPICS = "pydoc_data.topics"
AT_ONCE = 1 << 20  # bytes read at once
_AGAIN = "start a run of its own for the text as it is now"


@dataclass(frozen=True)
class Source:
    """A file as it was when the run began. size: B. modified_ns: since 1970, as the file system has it."""

    path: Path
    size: int
    sha256: str
    modified_ns: int

    def read(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` up to `end`. UserError where it is no longer what it was."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                self._compare(os.fstat(descriptor), self.path.name)
                found = os.pread(descriptor, end - begin, begin)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UserError(f"cannot read {self.path.name}, a file of the text: {error.strerror}; {_AGAIN}") from None
        if len(found) != end - begin:
            raise UserError(f"the text's file {self.path.name} ended at byte {begin + len(found)}; {_AGAIN}")
        return found

    def check(self) -> None:
        """UserError where it is gone, or of another size or time than it was."""
        try:
            self._compare(self.path.stat(), str(self.path))
        except OSError as error:
            raise UserError(f"cannot read {self.path}, a file of the text: {error.strerror}; {_AGAIN}") from None

    def _compare(self, now: os.stat_result, name: str) -> None:
        if now.st_size != self.size:
            raise UserError(f"the text's file {name} had {self.size} bytes and now has {now.st_size}; {_AGAIN}")
        if now.st_mtime_ns != self.modified_ns:
            raise UserError(f"the text's file {name} was written again since the run began; {_AGAIN}")


@dataclass(frozen=True)
class Text:
    """Files one after another. size: B. held_out_from: where the part begins that is not learnt.

    name: the file's, or how many files there are; never a folder. sha256: the file's, or that of the files' hashes, a
    line each, so that a large text is hashed once. left_out: files of folders that are no text.
    """

    name: str
    files: tuple[Source, ...]
    size: int
    sha256: str
    held_out_from: int
    left_out: int = 0

    @cached_property
    def _begins(self) -> list[int]:
        """Where each file begins in the text."""
        return list(accumulate((source.size for source in self.files[:-1]), initial=0))

    def read(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` up to `end`, or up to the text's end. UserError where a file is not what it was."""
        parts, index = [], bisect_right(self._begins, begin) - 1
        end = min(end, self.size)
        while begin < end:
            source, start = self.files[index], self._begins[index]
            stop = min(end, start + source.size)
            if begin < stop:  # a file may be empty
                parts.append(source.read(begin - start, stop - start))
            begin, index = stop, index + 1
        return b"".join(parts)

    def pieces(self, begin: int, end: int, num_bytes: int = AT_ONCE) -> Iterator[bytes]:
        """The same, so many bytes at a time."""
        for start in range(begin, end, num_bytes):
            yield self.read(start, min(start + num_bytes, end))

    def check(self) -> None:
        """UserError where a file has vanished, or its size or time has changed."""
        for source in self.files:
            source.check()


def text_of(words: Sequence[str], cache: Path | None = None) -> Text:
    """The text of files and folders; of no words that of `pydoc_data.topics`. UserError where there is none.

    cache: where the latter is written, so that it is a file like any other; the user's cache folder unless given.
    """
    if not words:
        return _of_topics(cache_folder() if cache is None else cache)
    return _text(files_of(words))


def _text(files: Files, name: str = "") -> Text:
    sources = tuple(_source(path) for path in files.paths)
    listed = "".join(f"{source.sha256}\n" for source in sources)
    sha256 = sources[0].sha256 if len(sources) == 1 else hashlib.sha256(listed.encode()).hexdigest()
    name = name or (sources[0].path.name if len(sources) == 1 else f"{len(sources)} files")
    size = sum(source.size for source in sources)
    text = Text(name, sources, size, sha256, size * 9 // 10, files.left_out)
    return replace(text, held_out_from=_begin_of_character(text, text.held_out_from))


def _source(path: Path) -> Source:
    """A file with the hash of what is in it. UserError where it cannot be read or is being written."""
    try:
        with path.open("rb") as file:
            before, own = os.fstat(file.fileno()), hashlib.sha256()
            while piece := file.read(AT_ONCE):
                own.update(piece)
            source = Source(path, file.tell(), own.hexdigest(), before.st_mtime_ns)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; give text that can be read") from None
    source.check()
    return source


def _begin_of_character(text: Text, place: int) -> int:
    """`place`, or where the UTF-8 character begins that it is in the middle of; bytes that are no UTF-8 stay apart."""
    before = text.read(max(0, place - 3), place + 1)
    for back, byte in enumerate(reversed(before)):
        if byte & 0xC0 != 0x80:  # no byte that goes on with a character
            return place - back if byte >= 0xC0 else place
    return place


def _of_topics(cache: Path) -> Text:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise UserError(f"this Python has no {TOPICS}, the text without --text; give --text FILE") from None
    content = "".join(topics[name] for name in sorted(topics)).encode()
    digest = hashlib.sha256(content).hexdigest()
    path = cache / f"{TOPICS}-{digest[:12]}.txt"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        with writing(path) as file:
            file.write(content)
    return _text(Files((path.absolute(),)), TOPICS)
