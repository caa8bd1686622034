"""Seconds of a call that the caller waits for: the first one is thrown away, then as many as are enough, each alone."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import torch

ENOUGH = 0.2  # seconds of timed calls
_LONG = 1.0  # seconds: a second such call would show nothing that matters
_NANO = 1e-9


def seconds(call: Callable[[], Any], device: torch.device) -> list[float]:
    """Seconds of each timed call, after one that is thrown away; of a long one the second alone."""
    wait = waiter(device)
    timed(call, wait)
    found: list[float] = []
    while not found or sum(found) < ENOUGH:
        found.append(timed(call, wait))
        if found[-1] > _LONG:
            break
    return found


def timed(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Seconds of one call; what it returns is let go after the clock has been read."""
    wait()
    start = perf_counter_ns()
    made = call()
    wait()
    taken = (perf_counter_ns() - start) * _NANO
    del made
    return taken


def waiter(device: torch.device) -> Callable[[], None]:
    """Waits until the device has nothing left to do."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)
