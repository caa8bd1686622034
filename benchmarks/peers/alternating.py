"""Two implementations timed alternately in one process."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from rnn_vs_attn.stats import intervals

LONG_CALL = 0.5  # seconds


def alternated(ours: Callable[[], object], theirs: Callable[[], object], alternations: int) -> intervals.Estimate:
    """ours / theirs, the order flipped each time; the best of three calls a side, or one call where it is long."""
    seconds(theirs)
    calls = 1 if seconds(ours) > LONG_CALL else 3
    ratios = []
    for number in range(alternations):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        spent = {call: min(seconds(call) for _ in range(calls)) for call in order}
        ratios.append(spent[ours] / spent[theirs])
    return intervals.estimate(ratios)


def seconds(call: Callable[[], object]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun
