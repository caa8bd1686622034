"""Kernels that a pass launches on CUDA: what a GPU is asked to begin, one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from rnn_vs_attn.errors import first_line
from rnn_vs_attn.measure.workload import Workload

_COPIES = ("Memcpy", "Memset")


@dataclass(frozen=True)
class Launches:
    """Kernels of one pass; None where they are not known, and why."""

    kernels: int | None
    reason: str = ""


def count(made: Workload, name: str) -> Launches:
    """Kernels of one "forward" or "train" pass, after one that loads libraries; copies and fills are none.

    Two passes are counted. The profiler gives nothing where CUPTI is not there or not allowed: that is no count of 0.
    """
    device = made.x.device

    def call() -> None:
        made.module.train(name == "train")
        if name == "train":
            made.train()
        else:
            with torch.no_grad():
                made.forward()
        torch.cuda.synchronize(device)

    with torch.cuda.device(device):
        call()
        try:
            first, second = _kernels_of(call), _kernels_of(call)
        except _Unprofiled as error:
            return Launches(None, f"torch's profiler does not run here: {error}")
    if not first and not second:
        return Launches(None, "torch's profiler saw no kernel; it needs CUPTI, and leave to read the GPU's counters")
    if first != second:
        return Launches(None, f"two passes launched {first} and {second}")
    return Launches(first)


class _Unprofiled(Exception):
    """The profiler could not begin or end."""


def _kernels_of(call: Callable[[], None]) -> int:
    """Kernels that a call launched, as the profiler saw them; _Unprofiled where it fails and the call does not."""
    recorder, ran = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]), True
    try:
        with recorder:
            ran = False
            call()
            ran = True
        events = recorder.events() or ()
    except (RuntimeError, AssertionError) as error:
        if not ran:
            raise
        raise _Unprofiled(first_line(error)) from error
    kernels = [e for e in events if e.device_type == DeviceType.CUDA and not getattr(e, "is_user_annotation", False)]
    return sum(not event.name.startswith(_COPIES) for event in kernels)
