"""From --text and --tokenizer to what a run learns, told to its workers and found again when it goes on. No torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.pretrained_folder import GPTFolder, gpt_folder
from rnn_vs_attn.models.language.pretrained_tokenizers import TOKENIZER
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.byte_level import ByteLevel
from rnn_vs_attn.texts.cache import cache_folder
from rnn_vs_attn.texts.lanes import Lanes
from rnn_vs_attn.texts.sources import Text, text_of
from rnn_vs_attn.texts.tokenizers import Tokenizer, tokenizer_for
from rnn_vs_attn.texts.tokens import Tokens, tokens_of

_INIT_FROM = "init_from"
_OWN_RUN = "start a run of its own"


@dataclass(frozen=True)
class LearntText:
    """words: as --text has them, absolute; none for the text that every Python has. pretrained: what learns it further,
    None where weights are drawn.
    """

    words: tuple[str, ...]
    text: Text
    tokenizer: Tokenizer
    cache: Path
    pretrained: GPTFolder | None = None

    @property
    def label(self) -> str:
        """The text's name and the beginning of its hash, as its cases have it."""
        return f"{self.text.name}@{self.text.sha256[:12]}"

    @cached_property
    def tokens(self) -> Tokens:
        """UserError where the tokenizer does not take the text, or the disk no more."""
        return tokens_of(self.text, self.tokenizer, self.cache)

    @property
    def variables(self) -> dict[str, str]:
        """What tells it to a worker."""
        folder = self.pretrained.path if self.pretrained is not None else None
        return told.variables(self.text, self.tokenizer, self.cache, folder)

    def settings(self, anonymous: bool) -> dict[str, Any]:
        """What a run keeps of it; no paths where anonymous."""
        kept = {} if self.pretrained is None else {_INIT_FROM: _settings_of(self.pretrained, anonymous)}
        return kept | {
            "name": self.text.name,
            "files": None if anonymous and self.words else list(self.words),
            "size": self.text.size,
            "sha256": self.text.sha256,
            "held_out_from": self.text.held_out_from,
            "left_out": self.text.left_out,
            "tokenizer": self.tokenizer.name,
            "tokenizer_sha256": self.tokenizer.sha256,
        }

    def check(self, axes: AxisValues) -> None:
        """UserError where a part of it is too short for these cases."""
        for batch_size in axes["batch_size"]:
            for seq_len in axes["seq_len"]:
                _ = Lanes(len(self.tokens.train), batch_size, seq_len)
                held_out = len(self.tokens.held_out)
                if held_out <= seq_len:
                    raise UserError(
                        f"the last tenth of the text, which is held out, has {held_out} tokens, and --seq-len "
                        f"{seq_len} needs more than {seq_len}: give more text, or a lower --seq-len"
                    )

    def put_tokenizer(self, folder: RunFolder) -> None:
        """Into the run's folder, where it is any other than bytes: checkpoints are read with it."""
        if isinstance(self.tokenizer, ByteLevel):
            folder.write(TOKENIZER, self.tokenizer.content)


def _settings_of(folder: GPTFolder, anonymous: bool) -> dict[str, Any]:
    return {
        "folder": None if anonymous else str(folder.path),
        "sha256": folder.sha256,
        "config_sha256": folder.config_sha256,
    }


def learnt_text(words: Sequence[str], tokenizer: str, pretrained: GPTFolder | None = None) -> LearntText:
    """The text of --text, with a tokenizer of that name. UserError where one of them cannot be used."""
    absolute, cache = tuple(map(_absolute, words)), cache_folder()
    text = text_of(words, cache)
    made = tokenizer_for(tokenizer, text, cache, pretrained.path if pretrained is not None else None)
    if pretrained is not None and made.vocab_size > pretrained.shape.vocab_size:
        raise UserError(
            f"--tokenizer {tokenizer} has {made.vocab_size} ids, and the model in {pretrained.path.name} knows "
            f"{pretrained.shape.vocab_size}; use the tokenizer that it was trained with"
        )
    return LearntText(absolute, text, made, cache, pretrained)


def _absolute(word: str) -> str:
    """A path that a run can keep. UserError where it is no UTF-8, as records are."""
    path = str(Path(word).absolute())
    try:
        path.encode()
    except UnicodeEncodeError:
        said = os.fsencode(path).decode(errors="backslashreplace")
        raise UserError(f"--text {said} is no UTF-8, and the run could not find it again; rename it") from None
    return path


def for_axes(words: Sequence[str], axes: AxisValues, pretrained: GPTFolder | None = None) -> LearntText:
    """The text of a run, which its cases name from now on. UserError where it cannot be used, or is too short."""
    found = learnt_text(words, axes["tokenizer"][0], pretrained)
    found.check(axes)
    axes["text"] = [found.label]
    return found


def again(stored: Mapping[str, Any]) -> LearntText:
    """The text of a run that goes on. UserError where it, or its tokenizer, is not what it was, or nobody knows where.

    KeyError or TypeError where that is none.
    """
    if stored["files"] is None:
        raise UserError(f"an anonymous run does not say where its text is; {_OWN_RUN}")
    if not isinstance(stored["files"], list):
        raise TypeError("text.files is no list")
    pretrained = _pretrained_again(stored[_INIT_FROM]) if _INIT_FROM in stored else None
    found = learnt_text(stored["files"], stored["tokenizer"], pretrained)
    if found.text.sha256 != stored["sha256"]:
        raise UserError(f"the text {stored['name']} is another one than when the run began; {_OWN_RUN}")
    if found.tokenizer.sha256 != stored["tokenizer_sha256"]:
        raise UserError(f"the tokenizer {stored['tokenizer']} is another one than when the run began; {_OWN_RUN}")
    return found


def _pretrained_again(stored: Mapping[str, Any]) -> GPTFolder:
    if stored["folder"] is None:
        raise UserError(f"an anonymous run does not say which folder it began from; {_OWN_RUN}")
    found = gpt_folder(Path(stored["folder"]))
    if (found.sha256, found.config_sha256) != (stored["sha256"], stored["config_sha256"]):
        raise UserError(f"the model in {found.path} is another one than when the run began; {_OWN_RUN}")
    return found
