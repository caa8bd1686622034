"""Which kernels run, and how many: of recurrences in each dtype, of a growing cache, of each layer as it gets longer.

python benchmarks/cuda/kernels.py [--device cuda] [--quick]

Targets on CUDA: `_cudnn_rnn` runs lstm, gru and rnn in float32, float16 and bfloat16, and no token of attention over a
growing cache takes more than five times their median. The kernels of a pass of each layer are shown, and at eight times
the length.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from reporting import Figure, parsed, parser, report

from rnn_vs_attn.errors import first_line
from rnn_vs_attn.measure.operations import launches
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.layer_passes import count_operations

RECURRENCES = ("lstm", "gru", "rnn")
DTYPES = ("float32", "float16", "bfloat16")


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", default="cuda")
    options.add_argument("--seq-len", type=int, default=512)
    given = parsed(options, seq_len=16)
    report(figures(given, []), [], given)


def figures(given: argparse.Namespace, _: list[dict[str, Any]]) -> Iterator[Figure]:
    on_cuda = torch.device(given.device).type == "cuda"
    for dtype in DTYPES:
        for model in RECURRENCES:
            case = BenchCase(model, given.seq_len, device=given.device, dtype=dtype, threads=1)
            found = count_operations(measure.workload(case, 0), None)[0].kernels
            runs = any("_cudnn_rnn" in kernel for kernel in found)
            text = f"{model}, {dtype}: runs in cuDNN"
            yield Figure(text, float(runs), "1", runs) if on_cuda else Figure(text, float(runs))
    for dtype in ("float32", "bfloat16"):
        yield growing(given, dtype)
    if on_cuda:
        for spec in MODELS:
            yield from launched(spec.name, given)


def growing(given: argparse.Namespace, dtype: str) -> Figure:
    """The longest token of attention over a cache that grows, in medians of them."""
    tokens, prompt = (48, 1024) if given.seq_len > 16 else (8, 16)
    case = BenchCase("attention", prompt, 1, 256, 4, device=given.device, dtype=dtype, threads=1)
    module, x = measure.workload(case, 0).module, torch.randn(1, prompt, 256)
    x = x.to(given.device, getattr(torch, dtype))
    found = []
    with torch.no_grad():
        y, state = module.advance(x, module.initial_state(1))
        for _ in range(tokens):
            begun = perf_counter()
            _, state = module.step(y[:, -1], state)
            if x.is_cuda:
                torch.cuda.synchronize(x.device)
            found.append(perf_counter() - begun)
    worst = max(found[4:]) / median(found)
    text = f"attention, {dtype}, a token over {prompt} and more ({median(found) * 1e3:.3g} ms): longest / median"
    return Figure(text, worst, "<= 5" if x.is_cuda else "", worst <= 5 if x.is_cuda else None)


def launched(model: str, given: argparse.Namespace) -> Iterator[Figure]:
    """Kernels of a pass, and at eight times the length."""
    for name in ("forward", "train"):
        try:
            few, many = (
                launches.count(measure.workload(BenchCase(model, n, 1, 64, 4, device=given.device, threads=1), 0), name)
                for n in (given.seq_len, 8 * given.seq_len)
            )
        except RuntimeError as error:
            yield Figure(f"{model}, {name}: kernels", float("nan"), beside=first_line(error))
            continue
        yield Figure(f"{model}, {name}: kernels at seq_len {given.seq_len}", few or float("nan"), beside=f"and {many}")


if __name__ == "__main__":
    main()
