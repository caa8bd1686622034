"""The rows of `bench` beside torch called bare: cuDNN's recurrences, and the fastest of its attention kernels.

python benchmarks/cuda/called_bare.py [--device cuda] [--quick]

The same layer is written here with torch alone: nn.LSTM, nn.GRU and nn.RNN with their weights in one piece, and two
products around scaled_dot_product_attention in each kernel that takes the shape, of which the fastest counts.
Both sides are timed in turns in one process, the program's by its own clock, the other by the events of
device_timer.py; caches are cold on both. program / bare, and for lstm and attention the interval within 3 % of 1. Where
calls are launch-bound, the ratio is that of two pieces of Python, and is shown only.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.backends.cudnn import rnn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import ratio
from device_timer import device_seconds
from on_device import existing
from reporting import Figure, interval, parsed, parser, report, within

from rnn_vs_attn.measure.timing.clock import clock_for
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.launches import launch_bound
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase

BATCH, WIDTH, HEADS = 4, 128, 4
MODELS = ("lstm", "gru", "rnn", "attention")
JUDGED = ("lstm", "attention")
PART = 0.03
BLOCK = 0.02  # seconds
LOOPS = 10
KERNELS = (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--seq-len", type=int, nargs="+", default=[512, 2048])
    options.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    options.add_argument("--turns", type=int, default=9)
    given = parsed(options, seq_len=[32], dtype=["float32"], turns=intervals.MIN_ROUNDS)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    device = torch.device(given.device)
    for seq_len in given.seq_len:
        for dtype in given.dtype:
            for model in MODELS:
                case = BenchCase(model, seq_len, BATCH, WIDTH, HEADS, device=given.device, dtype=dtype, threads=1)
                program = measure.workload(case, 0)
                bare = _bare(case)
                for name in ("forward", "train"):
                    found = ratio(_by_program(program, name, device), partial(bare.seconds, name), given.turns)
                    text = f"{model}, seq_len {seq_len}, {dtype}, {name}: program / bare"
                    beside = _details(case, name, bare)
                    details.append(beside | {"ratio": vars(found)})
                    text += f" ({beside['kernel']}, {beside['bare_ms']:.4g} ms)"
                    judged = model in JUDGED and device.type == "cuda" and not _launch_bound(program, name, device)
                    yield within(text, found, PART) if judged else Figure(text, found.median, beside=interval(found))


def _by_program(made: Workload, name: str, device: torch.device) -> Callable[[], float]:
    """Blocks of about BLOCK seconds."""
    clock = clock_for(device)
    clock.block(made, name, 3)
    loops = max(3, min(20, int(BLOCK / clock.block(made, name, 3).seconds)))
    return lambda: clock.block(made, name, loops).seconds


def _launch_bound(made: Workload, name: str, device: torch.device) -> bool:
    """Whether most of some blocks were."""
    blocks = [clock_for(device).block(made, name, LOOPS) for _ in range(5)]
    found = [block.lag is not None and launch_bound(block.lag, block.seconds, LOOPS) for block in blocks]
    return 2 * sum(found) > len(found)


def _details(case: BenchCase, name: str, bare: Bare) -> dict[str, Any]:
    chosen = bare.chosen.get(name)
    return {
        "model": case.model,
        "seq_len": case.seq_len,
        "dtype": case.dtype,
        "pass": name,
        "kernel": chosen.name.lower() if chosen is not None else "torch's own",
        "bare_ms": bare.seconds(name) * 1e3,
    }


@dataclass
class Bare:
    """A layer written with torch alone. chosen: of attention, the fastest kernel of each pass."""

    module: nn.Module
    x: Tensor
    gradient: Tensor
    chosen: dict[str, SDPBackend] = field(default_factory=dict)

    def run(self) -> Tensor:
        y = self.module(self.x)
        return y[0] if isinstance(y, tuple) else y

    def clear(self) -> None:
        self.x.grad = None
        self.module.zero_grad()

    def seconds(self, name: str) -> float:
        """Of a call of a pass, in its mode and by its kernel."""
        self.module.train(name == "train")
        kernel = sdpa_kernel(self.chosen[name]) if name in self.chosen else nullcontext()
        with kernel, torch.set_grad_enabled(name == "train"):
            if name == "forward":
                return device_seconds(self.run, self.x.device)
            return device_seconds(lambda: self.run().backward(self.gradient), self.x.device, self.clear)


def _bare(case: BenchCase) -> Bare:
    made = {"device": case.device, "dtype": getattr(torch, case.dtype)}
    x = torch.randn(case.batch_size, case.seq_len, WIDTH, **made).requires_grad_()
    gradient = torch.randn_like(x)
    if case.model == "attention":
        bare = Bare(Attention(made), x, gradient)
        for name in ("forward", "train"):
            bare.chosen[name] = _fastest(bare, name)
        return bare
    layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[case.model](WIDTH, WIDTH, batch_first=True, **made)
    _in_one_piece(layer)
    return Bare(layer, x, gradient)


class Attention(nn.Module):
    """Two products around torch's own attention."""

    def __init__(self, made: dict[str, Any]) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(WIDTH, 3 * WIDTH, **made), nn.Linear(WIDTH, WIDTH, **made)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.inward(x).view(*x.shape[:2], 3 * HEADS, -1).transpose(1, 2).chunk(3, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        z: Tensor = self.outward(y.transpose(1, 2).reshape(x.shape))
        return z


def _fastest(bare: Bare, name: str) -> SDPBackend:
    """The kernel with the least median of those that take the shape."""
    found: dict[SDPBackend, float] = {}
    for backend in KERNELS:
        bare.chosen[name] = backend
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of why a kernel does not take this shape or dtype
                bare.seconds(name)
            found[backend] = min(bare.seconds(name) for _ in range(3))
        except RuntimeError:
            continue
    return min(found, key=lambda backend: found[backend])


def _in_one_piece(layer: nn.RNNBase) -> None:
    """cuDNN's layout of the weights, also in dtypes for which torch leaves them apart and copies them at each call."""
    if not layer.weight_ih_l0.is_cuda:
        return
    mode = rnn.get_cudnn_mode(layer.mode)
    with torch.no_grad():
        torch._cudnn_rnn_flatten_weight(layer._flat_weights, 4, WIDTH, mode, WIDTH, 0, 1, True, False)


if __name__ == "__main__":
    main()
