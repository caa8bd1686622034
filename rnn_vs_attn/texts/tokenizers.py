"""What makes ids of a text and a text of ids: bytes as they are, or byte-level BPE."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

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
