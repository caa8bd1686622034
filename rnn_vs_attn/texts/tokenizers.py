"""What makes ids of a text and a text of ids: bytes as they are, or byte-level BPE."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rnn_vs_attn.errors import UserError, first_line, unknown
from rnn_vs_attn.models.language.pretrained_tokenizers import TOKENIZER, tokenizer_of
from rnn_vs_attn.texts.byte_level import byte_level
from rnn_vs_attn.texts.merges import LEAST, MOST, trained
from rnn_vs_attn.texts.sources import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy import int64, uint32
    from numpy.typing import NDArray


class Tokenizer(Protocol):
    """sha256: of all that it does, by which what it has made is told apart."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def num_bytes(self) -> NDArray[int64]:
        """How many bytes each id stands for, (V,)."""

    def encode(self, text: bytes) -> NDArray[uint32]:
        """Ids, of which `decode` gives the same bytes again. UserError where it does not take them."""

    def decode(self, ids: Iterable[int]) -> bytes: ...


class Bytes:
    """Every byte is an id, whatever the text is."""

    name = "bytes"
    sha256 = ""
    vocab_size = 256

    @cached_property
    def num_bytes(self) -> NDArray[int64]:
        import numpy

        return numpy.ones(256, dtype=numpy.int64)

    def encode(self, text: bytes) -> NDArray[uint32]:
        import numpy

        return numpy.frombuffer(text, dtype=numpy.uint8).astype(numpy.uint32)

    def decode(self, ids: Iterable[int]) -> bytes:
        return bytes(int(each) for each in ids)


BYTES = Bytes()

GPT2 = "gpt2"
_TRAINED = "bpe:"


def parse_tokenizer(word: str) -> str:
    """The tokenizer of an option: bytes, bpe:N or gpt2. UserError, with the nearest, for another one."""
    name = word.strip().lower()
    if name in (BYTES.name, GPT2):
        return name
    number = name.removeprefix(_TRAINED)
    if number == name or not (number.isascii() and number.isdecimal()):
        raise unknown("tokenizer", word, (BYTES.name, f"{_TRAINED}2000", GPT2))
    if len(number) > len(str(MOST)) or not LEAST <= int(number) <= MOST:
        raise UserError(f"--tokenizer {word}: give {LEAST} to {MOST} ids, one for each byte and the others for merges")
    return f"{_TRAINED}{int(number)}"


def tokenizer_for(name: str, text: Text, cache: Path, folder: Path | None = None) -> Tokenizer:
    """The tokenizer of such a name. UserError where it cannot be had.

    text, cache: what bpe:N is trained on, unless the cache has it. folder: with GPT-2's weights and tokenizer.json.
    """
    if name == BYTES.name:
        return BYTES
    if name != GPT2:
        return stored(name, trained(text, int(name.removeprefix(_TRAINED)), cache))
    if folder is None:
        raise UserError("--tokenizer gpt2 comes with weights; give their folder by --init-from FOLDER")
    if not (folder / TOKENIZER).is_file():
        raise UserError(f"{folder} has no tokenizer.json; download it too, or use --tokenizer bytes or bpe:2000")
    return byte_level(name, tokenizer_of(folder).to_str(), str(folder / TOKENIZER))


def stored(name: str, file: Path) -> Tokenizer:
    """The tokenizer of a tokenizer.json that was written here. UserError where it cannot be read."""
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the tokenizer {file}: {first_line(error, 200)}") from None
    return byte_level(name, content, str(file))
