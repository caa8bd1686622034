"""Cases of `decode` at a small size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.suites.decode.case import DecodeCase

SMALL = {"d_model": 16, "num_heads": 2, "num_layers": 2, "vocab_size": 11, "device": "cpu", "threads": 1}


def case(model: str, **fields: Any) -> DecodeCase:
    return DecodeCase(model=model, **(SMALL | fields))


# What a row has to say, and what its calls are given


def habit(name: str, **fields: Any) -> DecodeCase:
    return case(f"habits:{name}", num_layers=1, seq_len=24, **fields)


# Times, on a clock that moves only where the module moves it


class Counted(nn.Module):
    """Its prefill takes a unit a token and its n-th step n units of its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.unit = 1_000_000

    def clock(self) -> int:
        return self.now

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(1)

    def advance(self, tokens: Tensor, state: Tensor, last_only: bool = False) -> tuple[Tensor, Tensor]:
        self.now += self.unit * tokens.shape[1]
        return torch.zeros(tokens.shape[0], 1, 4), state

    def step(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = state + 1
        self.now += int(state) * self.unit
        self.most = max(self.most, int(state))
        return torch.zeros(token.shape[0], 4), state
