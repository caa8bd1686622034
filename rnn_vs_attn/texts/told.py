"""How a worker is told which text a run learns: by a variable, so that no folder of the user's stands in records."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.texts.baselines import Baseline, baselines_of
from rnn_vs_attn.texts.cache import key_of, writing
from rnn_vs_attn.texts.sources import Source, Text
from rnn_vs_attn.texts.tokenizers import Tokenizer, tokenizer_for
from rnn_vs_attn.texts.tokens import Tokens, tokens_of

VARIABLE = "RNN_VS_ATTN_TEXT"
_LONGEST = 1 << 16  # of a variable, whose limit is 128 KiB on Linux; a text of many files goes into the cache folder


def variables(text: Text, tokenizer: Tokenizer, cache: Path, folder: Path | None = None) -> dict[str, str]:
    """The variable that tells a worker what the text is. folder: GPT-2's, where its weights or tokenizer are meant.

    UserError where a text of many files has to be written into the cache folder and cannot be.
    """
    absolute = None if folder is None else str(folder.absolute())
    told = [asdict(text), tokenizer.name, tokenizer.sha256, str(cache.absolute()), absolute]
    content = json.dumps(told, default=str)
    if len(content) <= _LONGEST:
        return {VARIABLE: content}
    file = cache.absolute() / f"text-{key_of(content)}.json"
    with writing(file) as target:
        target.write(content.encode())
    return {VARIABLE: str(file)}


@dataclass(frozen=True)
class Told:
    """In a worker: the text, and what it is made into, once it is asked for."""

    text: Text
    name: str
    sha256: str
    cache: Path
    folder: Path | None

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """UserError where it is no longer the one that the run began with."""
        found = tokenizer_for(self.name, self.text, self.cache, self.folder)
        if found.sha256 != self.sha256:
            raise UserError(f"the tokenizer {self.name} is another one than when the run began; start a run of its own")
        return found

    @cached_property
    def tokens(self) -> Tokens:
        return tokens_of(self.text, self.tokenizer, self.cache)

    @cached_property
    def baselines(self) -> dict[int, list[Baseline]]:
        """What has been asked for, by the bytes of the held-out part."""
        return {}


_told: list[Told] = []  # of a worker, one at most


def take() -> None:
    """In a worker: know what the variable says, which is gone then."""
    content = os.environ.pop(VARIABLE, "")
    if not content:
        return
    if not content.startswith("["):
        try:
            content = Path(content).read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot read {content}, which lists the text's files: {error.strerror}") from None
    text, name, sha256, cache, folder = json.loads(content)
    _told[:] = [Told(_text(text), name, sha256, Path(cache), None if folder is None else Path(folder))]


def _text(stored: dict[str, Any]) -> Text:
    files = tuple(Source(**source | {"path": Path(source["path"])}) for source in stored["files"])
    return Text(**stored | {"files": files})


def text() -> Text:
    """In a worker: the text. UserError, here and below, where none was told."""
    return _only().text


def tokenizer() -> Tokenizer:
    return _only().tokenizer


def tokens() -> Tokens:
    return _only().tokens


def folder() -> Path | None:
    """GPT-2's, None without one."""
    return _only().folder


def baselines(held_out_bytes: int) -> list[Baseline]:
    """What so many first bytes of the held-out part cost without a network; found once in a process."""
    found = _only().baselines
    if held_out_bytes not in found:
        found[held_out_bytes] = baselines_of(text(), held_out_bytes)
    return found[held_out_bytes]


def _only() -> Told:
    if not _told:
        raise UserError("no text is known here; `rnn-vs-attn lm` tells its processes which one is meant")
    return _told[0]
