"""A text that this process has been told of, as the worker of a run is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from written_texts import written

from rnn_vs_attn.texts import told
from rnn_vs_attn.texts.sources import Text
from rnn_vs_attn.texts.tokenizers import tokenizer_for

PROSE = b"".join(b"%d bottles of beer on the wall, %d bottles of beer.\n" % (i, i) for i in range(200))
Tell = Callable[..., Text]


def telling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """tell(content, tokenizer): the text of these bytes, which is known from then on to the end of the test."""
    monkeypatch.setattr(told, "_told", [])

    def tell(content: bytes = PROSE, tokenizer: str = "bytes") -> Text:
        text, cache = written(folder, content), folder / "cache"
        for name, value in told.variables(text, tokenizer_for(tokenizer, text, cache), cache).items():
            monkeypatch.setenv(name, value)
        told.take()
        return text

    return tell
