"""Text that a language model generates, token after token, as it is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from torch import nn

from rnn_vs_attn.models.language.pretrained import load_gpt
from rnn_vs_attn.training.generation import most_seen, tokens_after
from rnn_vs_attn.training.language_shape import LanguageModelShape
from rnn_vs_attn.training.snapshot import load_language
from rnn_vs_attn.worker import protocol
from rnn_vs_attn.worker.protocol import LanguageModel, Tokens

_A_BLINK = 0.05  # seconds after which what there is is shown


class Text:
    """Each method answers the request that it is given; a model is loaded, then a text begun, then continued."""

    def __init__(self) -> None:
        self._model: nn.Module | None = None
        self._seq_len = 0
        self._tokens: Iterator[int] | None = None

    def load(self, request: protocol.LoadLanguageModel) -> LanguageModel:
        folder = Path(request.folder)
        if request.of_checkpoint:
            model, kept = load_language(folder)
            shape = LanguageModelShape.of(kept.shape)
            vocab_size, seq_len = shape.vocab_size, shape.layer.seq_len
        else:
            model = load_gpt(folder)
            vocab_size, seq_len = model.shape.vocab_size, model.shape.context_len
        self._model, self._seq_len = model, seq_len
        return LanguageModel(vocab_size, most_seen(model, seq_len))

    def begin(self, request: protocol.BeginText) -> Tokens:
        assert self._model is not None
        self._tokens = tokens_after(self._model, request.prompt, request.choice, request.seed, self._seq_len)
        return Tokens((next(self._tokens),))

    def go_on(self, request: protocol.ContinueText) -> Tokens:
        assert self._tokens is not None
        end, ids = time.monotonic() + _A_BLINK, list[int]()
        for token in islice(self._tokens, request.number):
            ids.append(token)
            if time.monotonic() > end:
                break
        return Tokens(tuple(ids))
