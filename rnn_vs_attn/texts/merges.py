"""Byte-level BPE trained on the part of a text that is learnt (Sennrich et al. 2016, section 3.2, on bytes)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.documents import NEEDS_HF
from rnn_vs_attn.texts.cache import key_of, writing
from rnn_vs_attn.texts.characters import check_utf8, pieces
from rnn_vs_attn.texts.sources import Text

LEAST, MOST = 257, 1_000_000  # ids: one a byte, and at least one merge
_LOOKED_AT = 1 << 25  # bytes of a text at most: the package keeps every different word in memory
_AT_ONCE = 1 << 16
_FORMAT = 1  # goes up when the same text would give other merges


def trained(text: Text, vocab_size: int, cache: Path) -> Path:
    """The tokenizer.json of a text in the cache folder, trained unless it is there. UserError where that cannot be.

    Of more than 32 MiB as much is looked at, in pieces at equal distances. A short text may give fewer ids.
    """
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    except ImportError:
        raise UserError(f"--tokenizer bpe:{vocab_size} {NEEDS_HF}; --tokenizer bytes needs nothing") from None
    target = cache / f"bpe-{vocab_size}-{key_of(_FORMAT, text.sha256, text.held_out_from, vocab_size)}.json"
    if target.is_file():
        return target
    check_utf8(text)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_looked_at(text, _LOOKED_AT), trainer)
    with writing(target) as file:
        file.write(tokenizer.to_str().encode())
    return target


def _looked_at(text: Text, most: int) -> Iterator[str]:
    """The part that is learnt, in pieces; of more than so many bytes pieces from all over it."""
    if text.held_out_from <= most:
        yield from (piece.decode() for piece in pieces(text, 0, text.held_out_from, _AT_ONCE))
        return
    for i in range(most // _AT_ONCE):
        begin = i * (text.held_out_from - _AT_ONCE) // (most // _AT_ONCE - 1)
        yield text.read(begin, begin + _AT_ONCE).decode(errors="ignore")  # characters that are cut at its ends
