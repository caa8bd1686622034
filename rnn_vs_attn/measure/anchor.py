"""What this machine can do at best, measured in the same round as the models: a matrix product, a copy, a Python loop.

They say how near a model comes to the machine's own peak, and whether the machine changed between rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns

import torch

from rnn_vs_attn.records import Sample

_SECONDS = 0.02  # a kind
_PYTHON_STEPS = 20_000


def samples(device: torch.device, dtype: torch.dtype) -> Iterator[Sample]:
    """`peak_flops` (FLOP/s), `peak_bandwidth` (B/s, read and written) and `python_loop_time` (s) of this round."""
    side, length = (4096, 256 << 20) if device.type == "cuda" else (1024, 32 << 20)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    yield Sample("peak_flops", 2 * side**3 / _best(lambda: torch.mm(a, b, out=out), device))
    source = torch.ones(length // 4, device=device)
    target = torch.zeros_like(source)
    moved = 2 * source.nbytes
    yield Sample("peak_bandwidth", moved / _best(lambda: target.copy_(source), device))
    yield Sample("python_loop_time", _best(_python_loop, torch.device("cpu")) / _PYTHON_STEPS)


def _best(call: Callable[[], object], device: torch.device) -> float:
    """The least seconds of one call, over about _SECONDS and at least three calls, after one that is thrown away."""
    seconds, spent = list[float](), 0.0
    call()
    while spent < _SECONDS or len(seconds) < 3:
        _wait(device)
        start = perf_counter_ns()
        call()
        _wait(device)
        seconds.append((perf_counter_ns() - start) * 1e-9)
        spent += seconds[-1]
    return min(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _python_loop() -> int:
    total = 0
    for i in range(_PYTHON_STEPS):
        total += i & 7
    return total
