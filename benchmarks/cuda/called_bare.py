"""The rows of `bench` beside torch called bare: cuDNN's recurrences, and the best fused attention kernel.

python benchmarks/cuda/called_bare.py [--device cuda] [--quick]

The same layer is written here with torch alone: nn.LSTM, nn.GRU and nn.RNN with their weights in one piece, and two
products around scaled_dot_product_attention in each fused kernel that takes the shape, of which the fastest counts.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from alternating import ratio
from device_timer import device_seconds, host_seconds
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
FUSED = (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", default="cuda")
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
                bare = _bare(model, case, device)
                for name in ("forward", "train"):
                    found = ratio(_by_program(program, name, device), bare.timed(name, device), given.turns)
                    text = f"{model}, seq_len {seq_len}, {dtype}, {name}: program / bare"
                    beside = _details(model, case, name, bare, device)
                    details.append(beside | {"ratio": vars(found)})
                    text += f" ({beside['kernel']}, {beside['bare_ms']:.4g} ms, host {beside['host_ms']:.4g} ms)"
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


def _details(model: str, case: BenchCase, name: str, bare: Bare, device: torch.device) -> dict[str, Any]:
    with bare.kernel(name), torch.set_grad_enabled(name == "train"):
        host = host_seconds(bare.call(name), device, 50 if device.type == "cuda" else 2)
    said = {"model": model, "seq_len": case.seq_len, "dtype": case.dtype, "pass": name}
    chosen = bare.chosen.get(name)
    return said | {
        "kernel": chosen.name.lower() if chosen is not None else "torch's own",
        "bare_ms": bare.timed(name, device)() * 1e3,
        "host_ms": host * 1e3,
    }


@dataclass
class Bare:
    """A layer written with torch alone. chosen: of attention, the fastest kernel of each pass. layer: torch's own."""

    run: Callable[[Tensor], Tensor]
    weights: list[nn.Parameter]
    x: Tensor
    gradient: Tensor
    chosen: dict[str, SDPBackend]
    layer: nn.Module | None = None

    def kernel(self, name: str) -> Any:
        return sdpa_kernel(self.chosen[name]) if name in self.chosen else nullcontext()

    def call(self, name: str) -> Callable[[], None]:
        if name == "forward":
            return lambda: _drop(self.run(self.x))
        return lambda: self.run(self.x).backward(self.gradient)

    def clear(self) -> None:
        self.x.grad = None
        for weight in self.weights:
            weight.grad = None

    def timed(self, name: str, device: torch.device) -> Callable[[], float]:
        def seconds() -> float:
            if self.layer is not None:
                self.layer.train(name == "train")
            with self.kernel(name), torch.set_grad_enabled(name == "train"):
                return device_seconds(self.call(name), device, self.clear if name == "train" else None)

        return seconds


def _drop(_: Tensor) -> None:
    """A result that nobody wants."""


def _bare(model: str, case: BenchCase, device: torch.device) -> Bare:
    made = {"device": device, "dtype": getattr(torch, case.dtype)}
    x = torch.randn(case.batch_size, case.seq_len, WIDTH, **made).requires_grad_()
    gradient = torch.randn_like(x)
    if model == "attention":
        weights = [nn.Parameter(torch.randn(n, WIDTH, **made) / WIDTH**0.5) for n in (3 * WIDTH, WIDTH)]
        biases = [nn.Parameter(torch.zeros(n, **made)) for n in (3 * WIDTH, WIDTH)]
        run = _attention(weights, biases)
        bare = Bare(run, [*weights, *biases], x, gradient, {})
        bare.chosen = {name: _fastest(bare, name, device) for name in ("forward", "train")}
        return bare
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[model]
    layer = kind(WIDTH, WIDTH, batch_first=True, **made)
    _in_one_piece(layer)
    return Bare(lambda x: layer(x)[0], list(layer.parameters()), x, gradient, {}, layer)


def _attention(weights: list[nn.Parameter], biases: list[nn.Parameter]) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        q, k, v = F.linear(x, weights[0], biases[0]).view(*x.shape[:2], 3 * HEADS, -1).transpose(1, 2).chunk(3, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.linear(y.transpose(1, 2).reshape(x.shape), weights[1], biases[1])

    return run


def _fastest(bare: Bare, name: str, device: torch.device) -> SDPBackend:
    """The kernel with the least median of those that take the shape."""
    found: dict[SDPBackend, float] = {}
    for backend in FUSED:
        bare.chosen = {name: backend}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of why a kernel does not take this shape or dtype
                bare.timed(name, device)()
            found[backend] = min(bare.timed(name, device)() for _ in range(3))
        except RuntimeError:
            continue
    return min(found, key=lambda backend: found[backend])


def _in_one_piece(layer: nn.RNNBase) -> None:
    """cuDNN's layout of the weights, also in dtypes for which torch leaves them apart and copies them at each call."""
    if not layer.weight_ih_l0.is_cuda:
        return
    modes = {"RNN_TANH": 1, "LSTM": 2, "GRU": 3}
    with torch.no_grad():
        torch._cudnn_rnn_flatten_weight(
            layer._flat_weights, 4, WIDTH, modes[layer.mode if layer.mode != "RNN" else "RNN_TANH"], WIDTH, 0, 1, True,
            False,
        )  # fmt: skip


if __name__ == "__main__":
    main()
