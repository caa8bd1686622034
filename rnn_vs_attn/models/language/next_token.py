"""The next token from logits: temperature, the k likeliest, and the nucleus (Holtzman et al. 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def choose(
    logits: Tensor, temperature: float, top_k: int | None, top_p: float | None, generator: torch.Generator | None
) -> Tensor:
    """Logits (B, V) -> token ids (B,).

    temperature 0 takes the likeliest; top_k keeps that many, top_p the least number of tokens that together have that
    probability, of those that top_k has kept.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits.double()  # differences from the largest, so that no temperature is too low
    logits = (logits - logits.amax(dim=-1, keepdim=True)) / temperature
    if top_k is not None:
        kept = logits.topk(min(top_k, logits.shape[-1]), dim=-1)
        logits = torch.full_like(logits, -math.inf).scatter(-1, kept.indices, kept.values)
    if top_p is not None:
        ordered, order = logits.sort(dim=-1, descending=True)
        shares = ordered.softmax(dim=-1)
        beyond = shares.cumsum(dim=-1) - shares >= top_p  # what stands before it has that probability already
        logits = logits.masked_fill(beyond.scatter(-1, order, beyond), -math.inf)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(1)
