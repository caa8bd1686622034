"""How the next token is chosen when a language model generates; no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnn_vs_attn.errors import UserError


@dataclass(frozen=True)
class Choice:
    """temperature: logits are divided by it; 0 takes the likeliest token. top_k: of that many likeliest tokens alone.
    top_p: of the fewest likeliest that together have that probability. None: of all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise UserError(f"temperature {self.temperature:g} must be a number from 0 on; 0 takes the likeliest token")
        if self.top_k is not None and self.top_k < 1:
            raise UserError(f"top_k {self.top_k} must be at least 1; without it none is left out")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top_p {self.top_p:g} must be above 0 and at most 1; without it none is left out")
