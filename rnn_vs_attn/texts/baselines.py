"""What the held-out part costs without a network, in bits a byte: a general compressor, and pairs of bytes counted."""

from __future__ import annotations

import lzma
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnn_vs_attn.texts.sources import AT_ONCE, Text

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

LZMA_BYTES = 1 << 21  # of the training part, its last: what lies nearest is what helps most
BIGRAM_BYTES = 1 << 26


@dataclass(frozen=True)
class Baseline:
    """bits_per_byte: of the held-out bytes that were looked at, after so many bytes of the training part."""

    name: str
    bits_per_byte: float
    train_bytes: int
    held_out_bytes: int


def baselines_of(text: Text, held_out_bytes: int) -> list[Baseline]:
    """Both of them, of the first bytes of the held-out part. UserError where the text is no longer what it was."""
    return [by_lzma(text, held_out_bytes), by_bigram(text, held_out_bytes)]


def by_lzma(text: Text, held_out_bytes: int, most: int = LZMA_BYTES) -> Baseline:
    """The compressed bits of both parts less those of the training part alone, a byte of the held-out part."""
    middle, begin, end = _bounds(text, held_out_bytes, most)
    bits = 8 * (_compressed(text.pieces(begin, end)) - _compressed(text.pieces(begin, middle)))
    return Baseline("lzma", bits / (end - middle), middle - begin, end - middle)


def by_bigram(text: Text, held_out_bytes: int, most: int = BIGRAM_BYTES) -> Baseline:
    """-log2 of (pairs of this byte before that one + 1) / (pairs that begin with this one + 256), its mean.

    The first held-out byte is predicted from the last one of the training part; of a text without one it costs 8 bits.
    """
    import numpy

    middle, begin, end = _bounds(text, held_out_bytes, most)
    seen = _pairs(text, begin, middle) + 1
    bits = numpy.log2(seen.sum(axis=1, keepdims=True)) - numpy.log2(seen)
    asked = _pairs(text, max(middle - 1, 0), end)
    total = float((asked * bits).sum()) + (0 if middle else math.log2(256))
    return Baseline("bigram", total / (end - middle), middle - begin, end - middle)


def _bounds(text: Text, held_out_bytes: int, most: int) -> tuple[int, int, int]:
    """Where the held-out part begins, and the bytes that are looked at before and after it."""
    middle = text.held_out_from
    return middle, max(0, middle - most), min(text.size, middle + held_out_bytes)


def _compressed(pieces: Iterable[bytes]) -> int:
    """B."""
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}])
    return sum(len(compressor.compress(piece)) for piece in pieces) + len(compressor.flush())


def _pairs(text: Text, begin: int, end: int) -> NDArray[int64]:
    """How often each byte stands before each other one, (256, 256), both of them within that part."""
    import numpy

    found = numpy.zeros(1 << 16, dtype=numpy.int64)
    for piece in _overlapping(text, begin, end):
        values = numpy.frombuffer(piece, dtype=numpy.uint8).astype(numpy.int64)
        found += numpy.bincount(256 * values[:-1] + values[1:], minlength=1 << 16)
    return found.reshape(256, 256)


def _overlapping(text: Text, begin: int, end: int) -> Iterator[bytes]:
    """Pieces of which each begins with the last byte of the one before it."""
    for start in range(begin, end - 1, AT_ONCE):
        yield text.read(start, min(start + AT_ONCE + 1, end))
