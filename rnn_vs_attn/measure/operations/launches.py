"""Kernels that a pass launches on CUDA: what a GPU is asked to begin, one after another."""

from __future__ import annotations

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from rnn_vs_attn.measure.workload import Workload, mode

_COPIES = ("Memcpy", "Memset")


def count(made: Workload, name: str) -> int:
    """Kernels of one "forward" or "train" pass, after one that loads libraries; copies and fills are none."""
    device = made.x.device

    def call() -> None:
        with mode(made, name):
            made.train() if name == "train" else made.forward()
        torch.cuda.synchronize(device)

    call()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
        call()
    kernels = [event for event in recorded.events() if event.device_type == DeviceType.CUDA]
    return sum(not event.name.startswith(_COPIES) for event in kernels)
