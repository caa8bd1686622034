"""Where a text may be cut without a tokenizer noticing, and whether it is UTF-8 at all."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.sources import AT_ONCE, Source, Text

_WORD_ENDS = re.compile(rb"[ \t\r\n](?=[!-~])")  # of bytes in reverse: white space behind what is none
_LONGEST = 4  # bytes of a character


def check_utf8(text: Text) -> None:
    """UserError with the first byte of a file that is no UTF-8."""
    for source in text.files:
        place = _wrong_byte(source)
        if place is not None:
            raise UserError(
                f"{source.path} is not UTF-8 at byte {place}; convert it, or use --tokenizer bytes, which takes all"
            )


def _wrong_byte(source: Source) -> int | None:
    """Where a file stops to be UTF-8, counted from 0; None where it does not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for begin in range(0, source.size, AT_ONCE):
        end = min(begin + AT_ONCE, source.size)
        kept = len(decoder.getstate()[0])  # bytes of a character that has not ended
        try:
            decoder.decode(source.read(begin, end), final=end == source.size)
        except UnicodeDecodeError as error:
            return begin - kept + error.start
    return None


def pieces(text: Text, begin: int, end: int, num_bytes: int) -> Iterator[bytes]:
    """A part of a text, UTF-8, in pieces of at most so many bytes that are cut as `cut` says."""
    while begin < end:
        found = text.read(begin, min(begin + num_bytes, end))
        if begin + len(found) < end:
            found = found[: cut(found)]
        yield found
        begin += len(found)


def cut(content: bytes) -> int:
    """Where UTF-8 that goes on is best cut: before the last white space that stands behind a visible ASCII character.

    GPT-2's pattern begins a word there, whatever stands around it, so that both parts together give the ids of the
    whole. Where there is none, a last character that may not be whole is left to the other part.
    """
    found = _WORD_ENDS.search(content[::-1])
    if found is not None:
        return len(content) - found.end()
    for back in range(1, min(_LONGEST, len(content) - 1) + 1):
        if content[-back] & 0xC0 != 0x80:  # it begins a character
            return len(content) - back if content[-back] >= 0xC0 else len(content)
    return len(content)
