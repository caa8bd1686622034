"""Tokens drawn of known distributions."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from rnn_vs_attn.models.language.next_token import choose

DRAWS = 2000
SHARES = torch.tensor([0.5, 0.3, 0.15, 0.05])


def drawn(logits: Tensor, temperature: float, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """How often each token is chosen."""
    generator = torch.Generator().manual_seed(0)
    return choose(logits.repeat(DRAWS, 1), temperature, top_k, top_p, generator).bincount(minlength=logits.numel())


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "expected"),
    [
        (1.0, None, None, [0.5, 0.3, 0.15, 0.05]),
        (1.0, 10, 1.0, [0.5, 0.3, 0.15, 0.05]),
        (0.5, None, None, [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),  # squares
        (1.0, 3, None, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95]),
        (1.0, None, 0.81, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95]),
        (1.0, None, 0.75, [0.5 / 0.8, 0.3 / 0.8]),  # 0.5 alone is too little, 0.8 is enough
        (1.0, 2, 0.7, [0.5 / 0.8, 0.3 / 0.8]),  # of those two the likeliest has 0.625
    ],
)
def test_tokens_are_as_often_as_they_are_likely(
    temperature: float, top_k: int | None, top_p: float | None, expected: list[float]
) -> None:
    counts = drawn(SHARES.log(), temperature, top_k, top_p)
    assert counts[len(expected) :].sum() == 0
    assert chisquare(counts[: len(expected)], [DRAWS * share for share in expected]).pvalue > 0.01


def test_the_likeliest_alone() -> None:
    """By temperature 0, by the lowest there is, by top_k 1, and by a top_p that the likeliest has."""
    logits = SHARES.log()
    for counts in (
        drawn(logits, 0.0),
        drawn(logits, 5e-324),
        drawn(logits, 1.0, top_k=1),
        drawn(logits, 1.0, top_p=0.5),
        drawn(logits, 1.0, top_p=1e-9),
        drawn(logits, 1.0, top_k=2, top_p=0.6),
    ):
        assert counts.tolist() == [DRAWS, 0, 0, 0]


def test_of_equally_likely_tokens_no_more_than_top_k_are_kept() -> None:
    counts = drawn(torch.zeros(8, dtype=torch.bfloat16), 1.0, top_k=3)
    assert (counts > 0).sum() == 3


def test_tokens_that_cannot_come_never_do() -> None:
    counts = drawn(torch.tensor([0.0, -math.inf, 0.0]), 2.0)
    assert counts[1] == 0
    assert chisquare(counts[[0, 2]]).pvalue > 0.01
