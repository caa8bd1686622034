"""Token ids: what a language model may be given."""

from __future__ import annotations

from torch import Tensor, nn

from rnn_vs_attn.errors import UserError


class OfTokens(nn.Module):
    """A module of token ids that refuses those out of its vocabulary, until it is told that there will be none."""

    checks_ids = True

    def check_ids(self, tokens: Tensor, vocab_size: int) -> None:
        """UserError where a token id is out of range; reading the largest and least waits for a GPU."""
        if not self.checks_ids or not tokens.numel():
            return
        least, most = (int(v) for v in tokens.aminmax())
        if least < 0 or most >= vocab_size:
            wrong = least if least < 0 else most
            raise UserError(f"token id {wrong} is out of range: the vocabulary has ids 0 to {vocab_size - 1}")


def trust_ids(module: nn.Module) -> None:
    """Let a module and its parts take token ids as they are, for calls that are timed: their ids are drawn within the
    vocabulary or chosen by the model itself, and to look at them would make each call wait for the GPU.
    """
    for part in module.modules():
        if isinstance(part, OfTokens):
            part.checks_ids = False
