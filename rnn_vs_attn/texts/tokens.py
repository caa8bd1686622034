"""The ids of a text, on disk: those of bytes are the files themselves, others are written into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.cache import key_of, writing
from rnn_vs_attn.texts.characters import check_utf8, pieces
from rnn_vs_attn.texts.sources import Text
from rnn_vs_attn.texts.tokenizers import BYTES, Tokenizer

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

_AT_ONCE = 1 << 18  # bytes that are encoded and written at once
_FORMAT = 1  # goes up when the same text and tokenizer would give other ids


class Ids(Protocol):
    """Ids in order, of which parts are read: ids[begin:end], int64. Beyond its ends there is nothing, as of a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice) -> NDArray[int64]: ...


@dataclass(frozen=True)
class Tokens:
    """train, held_out: what is learnt, and what never is. tokenizer: its name. num_bytes: as of the tokenizer, (V,)."""

    train: Ids
    held_out: Ids
    tokenizer: str
    vocab_size: int
    num_bytes: NDArray[int64]


@dataclass(frozen=True)
class BytesOf:
    """The bytes of a text from `begin` up to `end`, straight out of its files."""

    text: Text
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def __getitem__(self, part: slice) -> NDArray[int64]:
        import numpy

        begin, end, step = part.indices(len(self))
        content = self.text.read(self.begin + begin, self.begin + end)
        return numpy.frombuffer(content, dtype=numpy.uint8)[::step].astype(numpy.int64)


@dataclass(frozen=True)
class Stored:
    """Ids in a file, unsigned and of as many bytes as the largest id needs."""

    path: Path
    width: int  # B

    @cached_property
    def _ids(self) -> NDArray[Any]:
        import numpy

        if not self.path.stat().st_size:
            return numpy.empty(0, dtype=numpy.int64)  # which cannot be mapped
        return numpy.memmap(self.path, dtype=f"<u{self.width}", mode="r")

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, part: slice) -> NDArray[int64]:
        return self._ids[part].astype("int64")


def tokens_of(text: Text, tokenizer: Tokenizer, cache: Path) -> Tokens:
    """The ids of both parts of a text. UserError where the tokenizer does not take it, or the cache folder no more.

    Ids other than those of bytes are written there unless they are there, by text and tokenizer.
    """
    parts = ((0, text.held_out_from), (text.held_out_from, text.size))
    if tokenizer is BYTES:
        train, held_out = (BytesOf(text, *part) for part in parts)
        return Tokens(train, held_out, tokenizer.name, tokenizer.vocab_size, tokenizer.num_bytes)
    key = key_of(_FORMAT, text.sha256, text.held_out_from, tokenizer.sha256)
    files = [cache / f"ids-{key}-{name}.bin" for name in ("train", "held-out")]
    width = 2 if tokenizer.vocab_size <= 1 << 16 else 4
    if not all(file.is_file() for file in files):
        check_utf8(text)
        for part, file in zip(parts, files, strict=True):
            _write(file, text, part, tokenizer, width)
    stored = [Stored(file, width) for file in files]
    return Tokens(stored[0], stored[1], tokenizer.name, tokenizer.vocab_size, tokenizer.num_bytes)


def _write(target: Path, text: Text, part: tuple[int, int], tokenizer: Tokenizer, width: int) -> None:
    with writing(target) as file:
        for piece in pieces(text, *part, _AT_ONCE):
            ids = tokenizer.encode(piece)
            if tokenizer.num_bytes[ids].sum() != len(piece):
                raise UserError(f"--tokenizer {tokenizer.name} loses some of the text; use --tokenizer bytes")
            file.write(ids.astype(f"<u{width}").tobytes())
