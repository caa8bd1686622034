"""Memory: measured peaks of attention against the arithmetic, and how they grow with the length.

python benchmarks/harness/memory.py [--at-most 32768] [--processes 60] [--quick]

`attention-naive` holds (B, H, L, L) and grows as L^2; `attention` grows as L. Targets, where the arithmetic is at least
64 MiB: peaks within 5 %, exponents within 0.1 of 2 and 1. Models, and the lengths of
each, are measured in random order in one fresh worker. Then peaks of 1 MiB in fresh processes, after allocations of
random sizes: medians of six of them lie within what `compare` and `history` take for the resolution of a peak.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

from reporting import Figure, parsed, parser, report

from rnn_vs_attn import units
from rnn_vs_attn.compare.verdicts import PEAK_RESOLUTION
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.machine import environment
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import About, Measure

LENGTHS = {"attention-naive": [1024, 2048], "attention": [8192, 16384, 32768]}
GROWTH = {"attention-naive": 2.0, "attention": 1.0}
LEAST = 64 * units.MIB
SMALL = """
import random, sys, torch
from rnn_vs_attn.measure import memory
memory.precise_allocator()
torch.set_num_threads(1)
draw = random.Random(int(sys.argv[1]))
for _ in range(draw.randrange(1, 30)):
    torch.ones(draw.randrange(1, 1 << 22), dtype=torch.uint8)
(peak,) = memory.peaks([lambda: torch.ones(1 << 20, dtype=torch.uint8)], torch.device("cpu"))
print(peak)
"""


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--within", type=float, default=0.05)
    options.add_argument("--model", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    options.add_argument("--at-most", type=int, default=32768, help="longest sequence")
    options.add_argument("--processes", type=int, default=60, help="in which a peak of 1 MiB is read")
    given = parsed(options, at_most=8192, processes=6)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    threads, off = environment.usable_cores(), []
    worker = ChildWorker()
    for model in random.sample(given.model, len(given.model)):
        lengths = [length for length in LENGTHS[model] if length <= given.at_most]
        for seq_len in random.sample(lengths, len(lengths)):
            for name, peak in peaks(worker, BenchCase(model, seq_len, device="cpu", threads=threads)).items():
                row = detail(model, seq_len, name, peak)
                details.append(row)
                ratio = row["measured"] / row["arithmetic"]
                text = f"{model}, seq_len {seq_len}, {name}: {row['measured']:.1f} MiB / arithmetic"
                if not counts(row):
                    yield Figure(text, ratio)
                    continue
                off.append(abs(ratio - 1))
                yield Figure(text, ratio, f"1 ± {given.within}", off[-1] <= given.within)
        yield from growth(model, details)
    worker.close()
    if off:
        yield Figure("worst distance from the arithmetic", max(off), f"<= {given.within}", max(off) <= given.within)
    yield from resolution(given.processes)


def resolution(processes: int) -> Iterator[Figure]:
    """How a peak of 1 MiB is read in fresh processes: by how much too high, and over how much medians lie."""
    command = [sys.executable, "-c", SMALL]
    read = [
        subprocess.run([*command, str(seed)], capture_output=True, text=True, check=True) for seed in range(processes)
    ]
    kib = [(int(done.stdout) - units.MIB) / 1024 for done in read]
    sixes = sorted(median(random.sample(kib, 6)) for _ in range(1000))
    apart, most = sixes[974] - sixes[25], PEAK_RESOLUTION / 1024
    yield Figure("KiB by which 1 MiB is read too high, the least", min(kib))
    yield Figure("the same, the median", median(kib))
    yield Figure("the same, the most", max(kib))
    yield Figure("KiB over which 95 % of the medians of six lie", apart, f"<= {most:g}", apart <= most)


def counts(row: dict[str, Any]) -> bool:
    return bool(row["arithmetic"] >= LEAST / units.MIB)


def peaks(worker: ChildWorker, case: BenchCase) -> dict[str, float]:
    """Bytes at the peak of a forward and of a training pass."""
    answer = worker.ask(Measure(About.of(BENCH, case, max_memory=None), Turn(first=False)), 300)
    taken = {str(s.axes["pass"]): s.value for s in answer.samples if s.metric == "peak_memory"}
    return {name: value for name, value in taken.items() if name != "backward" and value is not None}


def detail(model: str, seq_len: int, name: str, peak: float) -> dict[str, Any]:
    costs = find(model).costs
    assert costs is not None
    arithmetic = costs.least_memory(BenchCase(model, seq_len).shape, 4, name == "train")
    measured = {"measured": peak / units.MIB, "arithmetic": arithmetic / units.MIB}
    return {"model": model, "seq_len": seq_len, "pass": name} | measured


def growth(model: str, rows: list[dict[str, Any]]) -> Iterator[Figure]:
    """The exponent of the training peak over the last doubling."""
    counted = [row for row in rows if row["model"] == model and row["pass"] == "train" and counts(row)]
    last = sorted(counted, key=lambda row: row["seq_len"])[-2:]
    if len(last) == 2:
        exponent = intervals.slope([row["seq_len"] for row in last], [row["measured"] for row in last])
        target = GROWTH[model]
        yield Figure(f"exponent of {model}", exponent, f"{target} ± 0.1", abs(exponent - target) <= 0.1)


if __name__ == "__main__":
    main()
