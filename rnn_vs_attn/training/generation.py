"""Tokens that a language model generates after a prompt, whichever model it is.

What it sees before a token is what it was trained to see. A recurrence carries its state on without end, and
Transformer-XL its memory. Any other model sees at most as many tokens as a segment has: by its cache of keys and
values, and where that is full, as its positions cannot move, the later half of the segment is taken in anew; a layer
without a state by a call on the last tokens each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.next_token import choose
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.mixer import has_state, output_of
from rnn_vs_attn.models.spec import USER
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.training.language_model import uncarried
from rnn_vs_attn.training.token_model import TokenModel

_AT_ONCE = 256  # tokens of a prompt: each makes as many logits as the vocabulary has ids


def tokens_after(model: nn.Module, prompt: Sequence[int], choice: Choice, seed: int, seq_len: int) -> Iterator[int]:
    """Ids without end after those of a prompt, the same for the same seed; the model is put into its evaluating mode.

    seq_len: of the segments that the model was trained on. UserError for an empty prompt and ids that the model lacks.
    """
    if not prompt:
        raise UserError("a prompt of no token gives nothing to go on from; give at least one")
    return _chosen(_next_logits(model, seq_len), list(prompt), choice, torch.Generator().manual_seed(seed))


def most_seen(model: nn.Module, seq_len: int) -> int | None:
    """How many tokens before one the model sees at most, None for all."""
    return _next_logits(model, seq_len).most


def _chosen(seeing: _Decoding | _Window, new: list[int], choice: Choice, random: torch.Generator) -> Iterator[int]:
    """On the CPU, so that a seed draws the same on every device."""
    while True:
        logits = seeing(new).cpu()
        if not logits.amax().isfinite():
            raise UserError("the model's logits are not finite: its training went astray; sample another one")
        new = [int(choose(logits.unsqueeze(0), choice.temperature, choice.top_k, choice.top_p, random))]
        yield new[0]


def _next_logits(model: nn.Module, seq_len: int) -> _Decoding | _Window:
    """What gives the logits (V,) after more tokens, and keeps whatever it needs of those before them."""
    model.eval()
    if isinstance(model, GPT):
        return _Decoding(model, most=model.shape.context_len)
    if isinstance(model, TransformerXL):  # without a memory a token decoded alone would see itself alone
        return _Decoding(model) if model.memory_len else _Window(model, seq_len)
    if not uncarried(model):
        return _Decoding(model)
    if isinstance(model, TokenModel) and model.spec.family != USER and has_state(model.blocks):
        return _Decoding(model, most=seq_len)
    return _Window(model, seq_len)


class _Decoding:
    """By a state. most: tokens that it may have seen, None without end."""

    def __init__(self, model: Any, most: int | None = None) -> None:
        self.model, self.most = model, most
        self.state: Any = None
        self.seen: list[int] = []  # by the state, where its number is limited

    @torch.no_grad()
    def __call__(self, new: list[int]) -> Tensor:
        if self.most is not None:
            new = self._within(self.most, new)
        if self.state is None:
            self.state = self.model.initial_state(1)
        for piece in _tensor(self.model, new).split(_AT_ONCE, dim=1):
            logits, self.state = self.model.advance(piece, self.state)
        last: Tensor = logits[0, -1]
        return last

    def _within(self, most: int, new: list[int]) -> list[int]:
        """Those to take in: the new ones, or where there is no room for them the later half anew."""
        self.seen += new
        if len(self.seen) <= most:
            return new
        self.seen = self.seen[-(max(1, most // 2) if self.state is not None else most) :]
        self.state = None
        return self.seen


class _Window:
    """By a call on the last `most` tokens."""

    def __init__(self, model: nn.Module, most: int) -> None:
        self.model, self.most = model, most
        self.seen: list[int] = []

    @torch.no_grad()
    def __call__(self, new: list[int]) -> Tensor:
        self.seen = (self.seen + new)[-self.most :]
        return output_of(self.model(_tensor(self.model, self.seen)))[0, -1]


def _tensor(model: nn.Module, ids: list[int]) -> Tensor:
    """(1, L), where the model is."""
    return torch.tensor([ids], device=next(model.parameters()).device)
