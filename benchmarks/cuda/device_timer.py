"""A timer of its own for calls on a device, which shares no line with the program's clock."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

_ENOUGH, _LEAST, _MOST = 0.02, 3, 10  # seconds, and calls


def device_seconds(call: Callable[[], object], device: torch.device, clear: Callable[[], None] | None = None) -> float:
    """Median seconds of a call: on CUDA between two events, with cold caches; else by the host's clock.

    clear: what is done after each call, outside of what is timed.
    """
    return _by_events(call, device, clear) if device.type == "cuda" else _by_host(call, clear)


def _by_events(call: Callable[[], object], device: torch.device, clear: Callable[[], None] | None) -> float:
    cache = torch.empty(2 * torch.cuda.get_device_properties(device).L2_cache_size, dtype=torch.int8, device=device)
    pairs: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
    torch.cuda.synchronize(device)
    begun = perf_counter()
    while len(pairs) < _LEAST or (len(pairs) < _MOST and perf_counter() - begun < _ENOUGH):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        cache.zero_()
        begin.record()
        call()
        end.record()
        if clear is not None:
            clear()
        pairs.append((begin, end))
    torch.cuda.synchronize(device)
    return median(begin.elapsed_time(end) for begin, end in pairs) / 1e3


def _by_host(call: Callable[[], object], clear: Callable[[], None] | None) -> float:
    found = []
    for _ in range(3):
        begun = perf_counter()
        call()
        found.append(perf_counter() - begun)
        if clear is not None:
            clear()
    return median(found)
