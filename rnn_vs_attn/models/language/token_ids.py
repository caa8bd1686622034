"""Token ids: what a language model may be given."""

from __future__ import annotations

from torch import Tensor

from rnn_vs_attn.errors import UserError


def check_ids(tokens: Tensor, vocab_size: int) -> None:
    """UserError where a token id is out of range; reading the largest and least waits for a GPU."""
    if tokens.numel():
        least, most = (int(v) for v in tokens.aminmax())
        if least < 0 or most >= vocab_size:
            wrong = least if least < 0 else most
            raise UserError(f"token id {wrong} is out of range: the vocabulary has ids 0 to {vocab_size - 1}")
