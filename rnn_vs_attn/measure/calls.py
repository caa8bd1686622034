"""Seconds of a call that the caller waits for: the first one is thrown away, then as many as are enough, each alone."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import torch

from rnn_vs_attn.budget import ENOUGH
from rnn_vs_attn.isolation.keeping import check_labels, kept

_LONG = 2.0  # seconds, of which loading code is no part that matters
_NANO = 1e-9


def repeated(call: Callable[[], Any], device: torch.device, enough: float = ENOUGH) -> tuple[list[float], Any]:
    """Seconds of each timed call, of at least one and until they are enough, and what the last one returned.

    The first is thrown away, but for a long one, of which there is no other.
    """
    wait = waiter(device)
    with kept() as changes:
        taken, made = _timed(call, wait)
    if taken > _LONG:
        check_labels(changes)
        return [taken], made
    found: list[float] = []
    with kept(timed=True):
        while not found or sum(found) < enough:
            made = None  # or the call before would take its memory in the one that is timed
            taken, made = _timed(call, wait)
            found.append(taken)
    return found, made


def seconds(call: Callable[[], Any], device: torch.device, enough: float = ENOUGH) -> list[float]:
    """Seconds of each timed call."""
    return repeated(call, device, enough)[0]


def _timed(call: Callable[[], Any], wait: Callable[[], None]) -> tuple[float, Any]:
    """Seconds of a call, and what it returned."""
    wait()
    start = perf_counter_ns()
    made = call()
    wait()
    return (perf_counter_ns() - start) * _NANO, made


def waiter(device: torch.device) -> Callable[[], None]:
    """Waits until the device has nothing left to do."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)
