"""What this machine can do at best, measured in the same round as the models: a matrix product, a copy, a Python loop.

They say how near a model comes to the machine's own peak, and whether the machine changed between rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import perf_counter_ns

import torch
from torch import Tensor
from torch.nn import functional as F

from rnn_vs_attn.records.types import Sample

_SECONDS = 0.02  # a kind
_PYTHON_STEPS = 20_000
_LARGE = 8192  # rows and columns
_LONG = 0.005  # seconds of a product above which a smaller one does
_ROW = 0.005  # seconds of calls between two events, whose own cost is some microseconds
_ROWS = 5


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
    and in float16 `mm` has no fast form at all where `linear` has one. On CUDA it is the better one of two sizes, where
    the machine is fast enough for the larger one: 4096 in 16 bits may not fill a GPU.
    """
    if device.type != "cuda":
        return _rates_of(device, dtype, 512)
    rates = _rates_of(device, dtype, 4096)
    if 2 * _LARGE**3 / max(rates.values()) < _LONG:
        larger = _rates_of(device, dtype, _LARGE)
        rates = {name: max(rate, larger[name]) for name, rate in rates.items()}
    return rates


def _rates_of(device: torch.device, dtype: torch.dtype, side: int) -> dict[str, float]:
    """FLOP/s of products of two matrices of `side` rows and columns."""
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
    """The least seconds of one call, over about _SECONDS and at least three calls, after one that is thrown away.

    On CUDA by events around as many calls as last _ROW: the host's wait for each would be in its own time.
    """
    call()
    if device.type == "cuda":
        return _best_of_rows(call, device)
    seconds, spent = list[float](), 0.0
    while spent < _SECONDS or len(seconds) < 3:
        start = perf_counter_ns()
        call()
        seconds.append((perf_counter_ns() - start) * 1e-9)
        spent += seconds[-1]
    return min(seconds)


def _best_of_rows(call: Callable[[], object], device: torch.device) -> float:
    """The least seconds of one call, of _ROWS rows of calls; where a single one lasts as long, they are rows of one."""
    with torch.cuda.device(device):
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        calls, seconds = 1, _row(call, 1, *marks)
        while calls * seconds < _ROW:
            calls = max(calls + 1, min(10 * calls, math.ceil(1.2 * _ROW / seconds)))
            seconds = _row(call, calls, *marks)
        return min(seconds, *(_row(call, calls, *marks) for _ in range(_ROWS - 1)))


def _row(call: Callable[[], object], calls: int, begin: torch.cuda.Event, end: torch.cuda.Event) -> float:
    """Seconds of one of so many calls in a row, by events."""
    begin.record()
    for _ in range(calls):
        call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / calls


def _python_loop() -> int:
    total = 0
    for i in range(_PYTHON_STEPS):
        total += i & 7
    return total
