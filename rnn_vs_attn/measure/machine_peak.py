"""What this machine can do at best, measured in the same round as the models: a matrix product, a copy, a Python loop.

They say how near a model comes to the machine's own peak, and whether the machine changed between rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.records.types import Sample

_SECONDS = 0.02  # a kind
_PYTHON_STEPS = 20_000


def samples(device: torch.device, dtype: torch.dtype) -> Iterator[Sample]:
    """`product_flops` of each kind of matrix product (FLOP/s), `peak_flops`, the best of them, `peak_bandwidth` (B/s,
    read and written) and `python_loop_time` (s).
    """
    rates = matrix_rates(device, dtype)
    for name, rate in rates.items():
        yield Sample("product_flops", rate, {"by": name})
    yield Sample("peak_flops", max(rates.values()))
    source = torch.ones((256 << 20 if device.type == "cuda" else 32 << 20) // 4, device=device)
    target = torch.zeros_like(source)
    moved = 2 * source.nbytes
    yield Sample("peak_bandwidth", moved / _best(lambda: target.copy_(source), device))
    yield Sample("python_loop_time", _best(_python_loop, torch.device("cpu")) / _PYTHON_STEPS)


def matrix_rates(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """FLOP/s of a square matrix product by each way that torch has to it.

    They differ: on some processors torch's `mm` (MKL) reaches half of what oneDNN does, which is what its LSTM runs on,
    and in float16 `mm` has no fast form at all where `linear` has one.
    """
    side = 4096 if device.type == "cuda" else 512
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    bias = torch.zeros(side, device=device, dtype=dtype)
    calls = {"mm": lambda: torch.mm(a, b), "linear": lambda: F.linear(a, b, bias)}
    rates = {}
    with torch.no_grad():
        for name, call in {**calls, **_onednn(a, b)}.items():
            rates[name] = 2 * side**3 / _best(call, device)
    return rates


def _onednn(a: Tensor, b: Tensor) -> dict[str, Callable[[], object]]:
    """oneDNN's own product, where this torch and this processor have it for the dtype."""
    try:
        packed, weight = a.to_mkldnn(), b.to_mkldnn()
        torch.ops.aten.mkldnn_linear(packed, weight, None)
    except (RuntimeError, NotImplementedError, AttributeError):
        return {}
    return {"onednn": lambda: torch.ops.aten.mkldnn_linear(packed, weight, None)}


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
