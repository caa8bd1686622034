"""Which kernels run, and how many: of recurrences in each dtype, of a growing cache, of each layer as it gets longer.

python benchmarks/cuda/kernels.py [--device cuda] [--quick]

Targets on CUDA: `_cudnn_rnn` runs lstm, gru and rnn in float32, float16 and bfloat16, and no token of attention over a
growing cache takes more than 5 ms, as it would if a kernel were planned for each length, but for the first few. The
kernels of a pass of each layer are shown, and at eight times the length.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from on_device import existing
from reporting import Figure, holds, parsed, parser, report

from rnn_vs_attn.measure.attention_kernels import growing_lengths
from rnn_vs_attn.measure.operations import launches
from rnn_vs_attn.measure.timing.calls import waiter
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.layer_passes import count_operations

RECURRENCES = ("lstm", "gru", "rnn")
DTYPES = ("float32", "float16", "bfloat16")
UNTIMED = 4  # tokens, the first of which load libraries


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--seq-len", type=int, default=512)
    given = parsed(options, seq_len=16)
    report(figures(given), [], given)


def figures(given: argparse.Namespace) -> Iterator[Figure]:
    on_cuda = torch.device(given.device).type == "cuda"
    for dtype in DTYPES:
        for model in RECURRENCES:
            case = BenchCase(model, given.seq_len, device=given.device, dtype=dtype, threads=1)
            found = count_operations(measure.workload(case, 0), None)[0].kernels
            runs = any("_cudnn_rnn" in kernel for kernel in found)
            said = holds(f"{model}, {dtype}: runs in cuDNN", runs)
            yield said if on_cuda else replace(said, met=None)
            if on_cuda:
                yield from launched(model, dtype, given.seq_len, given.device)
    for dtype in ("float32", "bfloat16"):
        yield growing(given, dtype)
    if on_cuda:
        for spec in (spec for spec in MODELS if spec.name not in RECURRENCES):
            seq_len = given.seq_len // (8 if spec.traits.loop_of else 1)  # the profiler takes long over many kernels
            yield from launched(spec.name, "float32", seq_len, given.device)


def growing(given: argparse.Namespace, dtype: str) -> Figure:
    """The longest token of attention over a cache that grows, after UNTIMED ones."""
    tokens, prompt = (48, 1024) if given.seq_len > 16 else (8, 16)
    case = BenchCase("attention", prompt, 1, 256, 4, device=given.device, dtype=dtype, threads=1)
    module, x = measure.workload(case, 0).module, torch.randn(1, prompt, 256)
    x = x.to(given.device, getattr(torch, dtype))
    found, wait = [], waiter(x.device)
    with torch.no_grad(), growing_lengths():
        y, state = module.advance(x, module.initial_state(1))
        for _ in range(tokens):
            begun = perf_counter()
            _, state = module.step(y[:, -1], state)
            wait()
            found.append(perf_counter() - begun)
    found = found[UNTIMED:]
    usual, worst = median(found) * 1e3, max(found) * 1e3
    text = f"attention, {dtype}, a token over {prompt} and more: longest (ms)"
    beside = f"median {usual:.3g}"
    return Figure(text, worst, "<= 5", worst <= 5 if x.is_cuda else None, beside)


def launched(model: str, dtype: str, seq_len: int, device: str) -> Iterator[Figure]:
    """Kernels of a pass, and at eight times the length."""
    for name in ("forward", "train"):
        found = []
        for n in (seq_len, 8 * seq_len):
            case = BenchCase(model, n, 1, 64, 4, device=device, dtype=dtype, threads=1)
            found.append(launches.count(measure.workload(case, 0), name))
        few, many = found
        value = float("nan") if few.kernels is None else float(few.kernels)
        beside = f"and {many.kernels} at {8 * seq_len} {few.reason}"
        yield Figure(f"{model}, {dtype}, {name}: kernels at seq_len {seq_len}", value, beside=beside.strip())


if __name__ == "__main__":
    main()
