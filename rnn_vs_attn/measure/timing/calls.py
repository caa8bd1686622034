"""Seconds of a call that the caller waits for: the first one is thrown away, then as many as are enough, each alone."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import torch

from rnn_vs_attn.isolation.keeping import check_labels, kept
from rnn_vs_attn.limits import ENOUGH

_LONG = 2.0  # seconds, of which loading code is no part that matters
_NANO = 1e-9


def repeated(
    call: Callable[[], Any],
    device: torch.device,
    enough: float = ENOUGH,
    before: Callable[[], None] | None = None,
) -> tuple[list[float], Any]:
    """Seconds of each timed call, of at least one and until they are enough, and what the last one returned.

    The first is thrown away, but for a long one, of which there is no other. before: what is done before each call,
    outside of what is timed.
    """
    wait = waiter(device)
    begin = wait if before is None else _both(before, wait)
    with kept() as changes:
        taken, made = _timed(call, begin, wait)
    if taken > _LONG:
        check_labels(changes)
        return [taken], made
    found: list[float] = []
    with kept(timed=True):
        while not found or sum(found) < enough:
            made = None  # or the call before would take its memory in the one that is timed
            taken, made = _timed(call, begin, wait)
            found.append(taken)
    return found, made


def _timed(call: Callable[[], Any], begin: Callable[[], None], wait: Callable[[], None]) -> tuple[float, Any]:
    """Seconds of a call, and what it returned. begin: before it; wait: until the device has done it."""
    begin()
    start = perf_counter_ns()
    made = call()
    wait()
    return (perf_counter_ns() - start) * _NANO, made


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both


def waiter(device: torch.device) -> Callable[[], None]:
    """Waits until the device has nothing left to do."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)
