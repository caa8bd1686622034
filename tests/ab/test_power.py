"""The smallest slowdown that the two stages of `ab` would report."""

from __future__ import annotations

import math
import random

import pytest

from rnn_vs_attn.ab import power
from rnn_vs_attn.ab.power import Design
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.verdicts import SLOWER
from rnn_vs_attn.stats import rank_tests

MARGIN = math.log1p(0.03)


def noise(number: int, sd: float, centre: float, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(centre, sd) for _ in range(number)]


def test_the_smallest_slowdown_that_is_found_grows_with_the_noise_and_lies_beyond_the_margin() -> None:
    found = [power.detectable(noise(8, sd, 0.0), MARGIN, Design(8, 20)) for sd in (0.001, 0.02, 0.09)]
    assert None not in found
    quiet, middle, loud = (value or 0.0 for value in found)
    assert 0.03 < quiet < 0.035
    assert quiet < middle < loud
    assert power.detectable(noise(3, 0.01, 0.0), MARGIN, Design(8, 20)) is None
    assert power.detectable(noise(8, 5.0, 0.0), MARGIN, Design(8, 20)) is None


@pytest.mark.slow
def test_the_smallest_slowdown_that_is_found_is_found_four_times_in_five() -> None:
    """Against the rule itself on fresh noise of the same kind."""
    sd = 0.02
    shift = math.log1p(power.detectable(noise(400, sd, 0.0), MARGIN, Design(8, 20)) or 0.0)
    hits = 0
    for seed in range(400):
        first, second = noise(8, sd, shift, 2 * seed + 1), noise(20, sd, shift, 2 * seed + 2)
        hits += verdicts.flagged(first, MARGIN) == SLOWER and rank_tests.paired_tail(second, MARGIN) <= verdicts.ALPHA
    assert 0.72 < hits / 400 < 0.88
