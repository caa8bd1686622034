"""Sides that are timed in turn in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TypeVar

from rnn_vs_attn.stats import intervals

LONG_CALL = 0.5  # seconds
T = TypeVar("T")


def flipped(sides: Sequence[T], turns: int) -> Iterator[Sequence[T]]:
    """The sides in their order and in the reverse one, by turns."""
    for turn in range(turns):
        yield sides[::-1] if turn % 2 else sides


def in_turn(sides: Mapping[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """What each side says in each turn, their order flipped each time; a turn before them loads libraries."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for order in flipped(list(sides), turns + 1):
        for name in order:
            found[name].append(sides[name]())
    return {name: values[1:] for name, values in found.items()}


def ratio(above: Callable[[], float], below: Callable[[], float], turns: int) -> intervals.Estimate:
    """above() / below(), formed within turns."""
    found = in_turn({"above": above, "below": below}, turns)
    return intervals.estimate([a / b for a, b in zip(found["above"], found["below"], strict=True)])


def ratio_of_calls(ours: Callable[[], object], theirs: Callable[[], object], turns: int) -> intervals.Estimate:
    """The seconds of ours / theirs; a turn has the best of three calls a side, or one call where it is long."""
    seconds(theirs)
    calls = 1 if seconds(ours) > LONG_CALL else 3

    def best(call: Callable[[], object]) -> float:
        return min(seconds(call) for _ in range(calls))

    return ratio(lambda: best(ours), lambda: best(theirs), turns)


def seconds(call: Callable[[], object]) -> float:
    """What one call takes."""
    begun = perf_counter()
    call()
    return perf_counter() - begun
