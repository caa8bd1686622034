"""Peaks of memory that are exact: the same whatever ran before, and no less than the closed form.

python benchmarks/cuda/peaks.py [--device cuda] [--quick]

Each case in one process in an order and in the reverse one. Targets on CUDA: both readings equal to the byte, and at
least the closed form, which counts what a pass cannot do without.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from on_device import existing
from reporting import Figure, parsed, parser, report

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase

MODELS = ("attention", "attention-naive", "lstm", "mingru")
PASSES = ("forward", "train")


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--seq-len", type=int, nargs="+", default=[512, 2048])
    given = parsed(options, seq_len=[32])
    report(figures(given), [], given)


def figures(given: argparse.Namespace) -> Iterator[Figure]:
    cases = [BenchCase(model, n, device=given.device, threads=1) for model in MODELS for n in given.seq_len]
    first = {case: peaks(case) for case in cases}
    again = {case: peaks(case) for case in reversed(cases)}
    exact = torch.device(given.device).type == "cuda"
    for case in cases:
        for name in PASSES:
            text = f"{case.model}, seq_len {case.seq_len}, {name}"
            here, there = first[case][name], again[case][name]
            apart = abs(here - there)
            yield Figure(f"{text}: bytes between both orders", apart, "0", apart == 0 if exact else None)
            costs = find(case.model).costs
            assert costs is not None
            least = costs.least_memory(case.shape, 4, name == "train")
            yield Figure(f"{text}: peak / closed form", here / least, ">= 1", here >= least if exact else None)


def peaks(case: BenchCase) -> dict[str, float]:
    """Bytes at the peak of each pass."""
    found = {s.axes["pass"]: s.value for s in measure.measure(case, Turn(first=False)) if s.metric == "peak_memory"}
    return {name: found[name] or 0 for name in PASSES}


if __name__ == "__main__":
    main()
