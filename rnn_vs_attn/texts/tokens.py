"""The ids of a text, on disk: those of bytes are the files themselves, others are written into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rnn_vs_attn.texts.sources import Text
from rnn_vs_attn.texts.tokenizers import Tokenizer

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray


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


def tokens_of(text: Text, tokenizer: Tokenizer, cache: Path) -> Tokens:
    """The ids of both parts of a text. UserError where they cannot be written into the cache folder."""
    parts = BytesOf(text, 0, text.held_out_from), BytesOf(text, text.held_out_from, text.size)
    return Tokens(*parts, tokenizer.name, tokenizer.vocab_size, tokenizer.num_bytes)
