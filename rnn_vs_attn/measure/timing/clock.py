"""Timed blocks: `loops` calls between two readings of a clock that is far finer than the block.

Where something has to be renewed before each call, the clock is read around each.

On a CPU the clock is time.perf_counter_ns around the block. On CUDA it is a pair of events around each call, with the
L2 cache overwritten before it (outside the events), so device times are those of cold caches. Beside it stand the
host's own time for the same calls, and how far the device was behind the host at the block's end (`stats.launches`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean
from time import perf_counter_ns
from typing import Any, Protocol

import torch
from torch import Tensor

from rnn_vs_attn.measure.workload import Workload, mode
from rnn_vs_attn.records.timing import Block, Care

PASSES = ("forward", "train")
_NANO = 1e-9
_LONG = 0.1  # seconds of a call, of which its first launch is no part that matters


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
    """Device time by events, caches cold; host time beside it.

    The first call of a block finds the device waiting for its launches, also where the device is the slower of the two.
    So one call is made before those that are timed, but for long ones.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._longest = {False: 0.0, True: 0.0}  # seconds of a call so far, of inference and of training

    def block(self, workload: Workload, name: str, loops: int) -> Block:
        with torch.cuda.device(self.device), mode(workload, name):
            return self._block(workload, name == "train", loops, workload.begin(name))

    def _block(self, workload: Workload, train: bool, loops: int, care: Care | None) -> Block:
        before = 0 if self._longest[train] > _LONG else 1
        marks, flush = _marks(self.device).first(before + loops), _flush_buffer(self.device)
        y: Tensor | None = None
        host = launched = 0
        torch.cuda.synchronize(self.device)
        start = perf_counter_ns()
        for call, (begin, turn, end) in enumerate(marks):
            y = None
            if train:
                workload.clear_gradients()
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
            launched = perf_counter_ns()
            if call >= before:
                host += launched - called
        torch.cuda.synchronize(self.device)  # right after the last launch, as the lag is taken from there
        done = perf_counter_ns()
        del y
        if train:
            workload.clear_gradients()
        found = _of_events(
            marks[before:], train, host * _NANO / loops, (done - launched) * _NANO, (done - start) * _NANO
        )
        self._longest[train] = max(found.seconds, self._longest[train])
        return found


def _of_events(marks: Sequence[Sequence[torch.cuda.Event]], train: bool, host: float, lag: float, wall: float) -> Block:
    """What events around calls, and between forward and backward, say of them."""
    seconds = _mean(mark[0].elapsed_time(mark[2 if train else 1]) for mark in marks)
    backward = _mean(mark[1].elapsed_time(mark[2]) for mark in marks) if train else None
    return Block(seconds, backward, host, wall, lag=lag)


def _mean(milliseconds: Iterable[float]) -> float:
    """Seconds."""
    return fmean(milliseconds) / 1e3


@dataclass
class _Marks:
    """Events of a device, three a call, kept from block to block: what makes them is their first record."""

    device: torch.device
    made: list[list[torch.cuda.Event]] = field(default_factory=list)

    def first(self, loops: int) -> list[list[torch.cuda.Event]]:
        """Those of so many calls, made on the current stream of the device, which is to be the current one."""
        for _ in range(loops - len(self.made)):
            new = [torch.cuda.Event(enable_timing=True) for _ in range(3)]
            for event in new:
                event.record()
            self.made.append(new)
        return self.made[:loops]


@lru_cache(maxsize=4)
def _marks(device: torch.device) -> _Marks:
    return _Marks(device)


def clock_for(device: torch.device) -> Clock:
    """The clock of a CPU or of a CUDA device."""
    return CUDAClock(device) if device.type == "cuda" else CPUClock()


@lru_cache(maxsize=4)
def _flush_buffer(device: torch.device) -> Any:
    """Twice the L2 cache. It is allocated before any memory is measured and is in no peak above a start."""
    size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0) or 64 << 20
    return torch.empty(2 * size, dtype=torch.int8, device=device)
