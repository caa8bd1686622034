"""Timed blocks: `loops` calls between two readings of a clock that is far finer than the block.

Where something has to be renewed before each call, the clock is read around each.

On a CPU the clock is time.perf_counter_ns around the block. On CUDA it is a pair of events around each call, with the
L2 cache overwritten before it (outside the events), so device times are those of cold caches; the host's own time for
the same calls is recorded beside it.
"""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter_ns
from typing import Any, Protocol

import torch

from rnn_vs_attn.measure.workload import Workload, mode
from rnn_vs_attn.records.timing import Block, Care

PASSES = ("forward", "train")
_NANO = 1e-9


class Clock(Protocol):
    """How a block of calls is timed on a device; all times in seconds."""

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        """Time `loops` calls of the pass `name`."""


class CPUClock:
    """Wall time on the host."""

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        care = workload.begin(name)
        with mode(workload, name):
            if care is not None:
                return self._apart(workload, name == "train", loops, care)
            return self._train(workload, loops) if name == "train" else self._forward(workload, loops)

    def _forward(self, workload: Workload, loops: int) -> Block:
        call = workload.forward
        start = perf_counter_ns()
        for _ in range(loops):
            call()
        wall = (perf_counter_ns() - start) * _NANO
        return Block(wall / loops, wall=wall)

    def _train(self, workload: Workload, loops: int) -> Block:
        forward, backward, clear = workload.train_forward, workload.backward, workload.clear_gradients
        spent = 0
        start = perf_counter_ns()
        for _ in range(loops):
            y = forward()
            turn = perf_counter_ns()
            backward(y)
            spent += perf_counter_ns() - turn
            del y
            clear()
        wall = (perf_counter_ns() - start) * _NANO
        return Block(wall / loops, backward=spent * _NANO / loops, wall=wall)

    def _apart(self, workload: Workload, train: bool, loops: int, care: Care) -> Block:
        """The same calls with something renewed before each; wall holds that too."""
        spent = backward = 0
        begun = perf_counter_ns()
        for _ in range(loops):
            workload.renew(care)
            start = perf_counter_ns()
            y = workload.train_forward() if train else workload.forward()
            if train:
                turn = perf_counter_ns()
                workload.backward(y)
                backward += perf_counter_ns() - turn
            del y
            if train:
                workload.clear_gradients()
            spent += perf_counter_ns() - start
        wall = (perf_counter_ns() - begun) * _NANO
        return Block(spent * _NANO / loops, backward * _NANO / loops if train else None, wall=wall)


class CUDAClock:
    """Device time by events, caches cold; host time beside it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        with torch.cuda.device(self.device), mode(workload, name):
            return self._block(workload, name == "train", loops, workload.begin(name))

    def _block(self, workload: Workload, train: bool, loops: int, care: Care | None) -> Block:
        marks = [[torch.cuda.Event(enable_timing=True) for _ in range(3)] for _ in range(loops)]
        flush = _flush_buffer(self.device)
        host = 0
        torch.cuda.synchronize(self.device)
        start = perf_counter_ns()
        for begin, turn, end in marks:
            if care is not None:
                workload.renew(care)
            flush.zero_()
            called = perf_counter_ns()
            begin.record()
            y = workload.train_forward() if train else workload.forward()
            turn.record()
            if train:
                workload.backward(y)
            end.record()
            host += perf_counter_ns() - called
            del y
            if train:
                workload.clear_gradients()
        torch.cuda.synchronize(self.device)
        wall = (perf_counter_ns() - start) * _NANO
        last = 2 if train else 1
        seconds = sum(mark[0].elapsed_time(mark[last]) for mark in marks) / 1e3 / loops
        backward = sum(mark[1].elapsed_time(mark[2]) for mark in marks) / 1e3 / loops
        return Block(seconds, backward if train else None, host * _NANO / loops, wall)


def clock_for(device: torch.device) -> Clock:
    """The clock of a CPU or of a CUDA device."""
    return CUDAClock(device) if device.type == "cuda" else CPUClock()


@lru_cache(maxsize=4)
def _flush_buffer(device: torch.device) -> Any:
    """Twice the L2 cache. It is allocated before any memory is measured and is in no peak above a start."""
    size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0) or 64 << 20
    return torch.empty(2 * size, dtype=torch.int8, device=device)
