"""Seconds of a call that the caller waits for: the first one is thrown away, then as many as are enough, each alone."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import torch

from rnn_vs_attn.isolation.keeping import check_labels, kept
from rnn_vs_attn.limits import ENOUGH
from rnn_vs_attn.stats.launches import launch_bound, waited_for

_LONG = 2.0  # seconds, of which loading code is no part that matters
_NANO = 1e-9
_LONGEST_SLEPT_THROUGH = 0.5  # seconds, of which the launches fill the queue by far
_CYCLES = 2e9  # a second, about; a sleep is twice as long as it needs to be for GPUs that are faster


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
        taken, made = timed(call, begin, wait)
    if taken > _LONG:
        check_labels(changes)
        return [taken], made
    found: list[float] = []
    with kept(timed=True):
        while not found or sum(found) < enough:
            made = None  # or the call before would take its memory in the one that is timed
            taken, made = timed(call, begin, wait)
            found.append(taken)
    return found, made


def timed(call: Callable[[], Any], begin: Callable[[], None], wait: Callable[[], None]) -> tuple[float, Any]:
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


def device_waits(call: Callable[[], Any], device: torch.device, seconds: float) -> bool:
    """Whether the device waits for launches in a call of so many `seconds`, with the host's way to it and back.

    CUDA only. The call is launched behind a sleep of the device that is long enough for all of its launches, so that it
    runs without a wait. Of more launches than the queue holds some come later all the same: then the lag tells it, as
    it does of a call that is too long to be slept through.
    """
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with torch.cuda.device(device):
        torch.cuda.synchronize(device)
        torch.cuda._sleep(int(2 * min(seconds, _LONGEST_SLEPT_THROUGH) * _CYCLES))
        begin.record()
        call()
        end.record()
        launched = perf_counter_ns()
        torch.cuda.synchronize(device)
        lag = (perf_counter_ns() - launched) * _NANO
    own = begin.elapsed_time(end) / 1e3
    return waited_for(seconds, own) or launch_bound(lag, own, loops=1)


def launch_bound_calls(call: Callable[[], Any], device: torch.device, seconds: float) -> list[bool]:
    """On CUDA, whether the device waits for launches in one more call; [] elsewhere. seconds: of a timed one."""
    if device.type != "cuda":
        return []
    with kept():
        return [device_waits(call, device, seconds)]


def waiter(device: torch.device) -> Callable[[], None]:
    """Waits until the device has nothing left to do."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)
