"""Byte-level BPE, GPT-2's tokenizer (Radford et al. 2019, section 2.2): every text has ids, and they give it back.

The package tokenizers merges. Each byte stands for one character there: those that are printed in Latin-1 for
themselves, the 68 others in their order for those from U+0100 on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models.language.documents import NEEDS_HF, shown
from rnn_vs_attn.texts.characters import cut

if TYPE_CHECKING:
    from numpy import int64, uint32
    from numpy.typing import NDArray

_PRINTED = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = [byte for byte in range(256) if byte not in _PRINTED]
BYTE_OF = {chr(byte): byte for byte in _PRINTED} | {chr(0x100 + i): byte for i, byte in enumerate(_OTHERS)}
_AT_ONCE = 1 << 16  # bytes encoded as one; what the package keeps of each id is ten times its length
_LARGEST = 1 << 24  # ids
# What another tokenizer has, and would not give the same bytes again
_NEUTRAL = {"dropout": (None, 0), "continuing_subword_prefix": (None, ""), "end_of_word_suffix": (None, "")}


@dataclass(frozen=True)
class ByteLevel:
    """A tokenizer by what its tokenizer.json holds. Its special tokens are never made of text, and are no bytes."""

    name: str
    content: str

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    @cached_property
    def _document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.content)
        return found

    @cached_property
    def _special(self) -> dict[str, int]:
        """The ids of tokens that are added to those of the merges."""
        return {token["content"]: token["id"] for token in self._document.get("added_tokens") or ()}

    @cached_property
    def _plain(self) -> dict[str, int]:
        """The ids of all other tokens."""
        return {token: index for token, index in self._document["model"]["vocab"].items() if token not in self._special}

    @cached_property
    def vocab_size(self) -> int:
        return 1 + max((*self._plain.values(), *self._special.values()))

    @cached_property
    def _bytes(self) -> list[bytes]:
        """What each id stands for; nothing where no byte is meant, which merges do not make either."""
        found = [b""] * self.vocab_size
        for token, index in self._plain.items():
            if BYTE_OF.keys() >= set(token):
                found[index] = bytes(BYTE_OF[character] for character in token)
        return found

    @cached_property
    def num_bytes(self) -> NDArray[int64]:
        import numpy

        return numpy.array([len(each) for each in self._bytes], dtype=numpy.int64)

    @cached_property
    def _merging(self) -> Any:
        """The package's tokenizer, without special tokens and what else stands around the merges."""
        from tokenizers import Tokenizer

        document = dict.fromkeys(("truncation", "padding", "post_processor", "decoder"))
        model = self._document["model"] | {"vocab": self._plain, "unk_token": None}
        return Tokenizer.from_str(json.dumps(self._document | document | {"added_tokens": [], "model": model}))

    def encode(self, text: bytes) -> NDArray[uint32]:
        """Ids (L,). UserError where it is not UTF-8."""
        import numpy

        parts = []
        while text:
            end = len(text) if len(text) <= _AT_ONCE else cut(text[:_AT_ONCE])
            parts.append(_characters(text[:end]))
            text = text[end:]
        found = self._merging.encode_batch_fast(parts, add_special_tokens=False)
        ids = [numpy.array(each.ids, dtype=numpy.uint32) for each in found]
        return numpy.concatenate([numpy.empty(0, dtype=numpy.uint32), *ids])

    def decode(self, ids: Iterable[int]) -> bytes:
        return b"".join(self._bytes[index] for index in ids)


def _characters(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{shown(content[error.start :][:8])} is not UTF-8; --tokenizer bytes takes all") from None


def byte_level(name: str, content: str, where: str) -> ByteLevel:
    """The tokenizer of a tokenizer.json. UserError where it is of another kind, damaged, or the package is missing.

    where: the file, for that sentence.
    """
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        raise UserError(f"--tokenizer {name} {NEEDS_HF}") from None
    tokenizer = ByteLevel(name, content)
    try:
        _check(tokenizer._document, where)
        missing = BYTE_OF.keys() - tokenizer._plain.keys()
        if missing:
            raise UserError(f"{where} lacks a token for the byte {BYTE_OF[min(missing)]}, and byte-level BPE has all")
        if tokenizer.vocab_size > _LARGEST:
            raise UserError(f"{where} has {tokenizer.vocab_size} ids; at most {_LARGEST} are taken")
        _ = tokenizer._bytes, tokenizer._merging
    except UserError:
        raise
    except Exception as error:  # the package raises nothing more precise
        raise UserError(f"{where} is damaged: {first_line(error, 200)}") from None
    return tokenizer


def _check(document: dict[str, Any], where: str) -> None:
    """UserError where ids would not give the same bytes again."""
    model, before = document["model"], document["pre_tokenizer"] or {}
    if model["type"] != "BPE" or before.get("type") != "ByteLevel":
        kind = f"{model['type']} after {before.get('type')}"
        raise UserError(f"{where} is {kind}, not byte-level BPE as GPT-2's; use --tokenizer bytes or bpe:2000")
    if before.get("add_prefix_space") or not before.get("use_regex", True) or document.get("normalizer"):
        raise UserError(f"{where} changes the text before it merges; use --tokenizer bytes or bpe:2000")
    for name, allowed in _NEUTRAL.items():
        if model.get(name) not in allowed:
            raise UserError(f"{where} has {name} {shown(model[name])}; use --tokenizer bytes or bpe:2000")
