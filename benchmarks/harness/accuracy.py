"""Right: this program's times against torch.utils.benchmark.Timer, alternately in one process.

python benchmarks/harness/accuracy.py [--alternations 21] [--seq-len 128 512] [--model lstm] [--size 2x128] [--quick]

A cell is a layer at a length, or a size of GPT as `variants gpt` times it; in each the forward and the training pass. A
cell's ratio is the median over alternations of ours / theirs, the order of the two flipped each time. Target on a quiet
machine: within 3 % in the median cell and 8 % in the worst. The machine's own peaks (matrix product, copy) are held
against the same Timer, best against best: within 10 %. --model and --size take any number of names, also none.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import torch
from alternating import ratio
from reporting import Figure, interval, parsed, parser, report
from torch.utils.benchmark import Timer

from rnn_vs_attn.limits import Budget, Plan
from rnn_vs_attn.machine import environment
from rnn_vs_attn.measure import machine_peak
from rnn_vs_attn.measure.timing.clock import PASSES, CPUClock
from rnn_vs_attn.measure.timing.warm_up import make_ready
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites import token_passes
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.measure import workload
from rnn_vs_attn.suites.sizes import complete
from rnn_vs_attn.suites.variants.gpt.case import GPTCase, size
from rnn_vs_attn.suites.variants.gpt.measure import make


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=21)
    options.add_argument("--seq-len", type=int, nargs="+", default=[128, 512])
    options.add_argument("--model", nargs="*", default=[spec.name for spec in MODELS])
    options.add_argument("--size", nargs="*", default=["2x128", "4x256"], help="of GPT, at 64 tokens")
    options.add_argument("--median-within", type=float, default=0.03)
    options.add_argument("--worst-within", type=float, default=0.08)
    given = parsed(
        options, alternations=intervals.MIN_ROUNDS, seq_len=[64], model=["lstm", "attention"], size=["2x128"]
    )
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    off, worst = [], given.worst_within
    for case in cases(given):
        row: dict[str, object] = {"model": case.label, "seq_len": case.seq_len}
        details.append(row)
        for name, found in cell(case, given.alternations):
            row |= {name: round(found.median, 4), f"{name}_low": found.low, f"{name}_high": found.high}
            off.append(abs(found.median - 1))
            text = f"{case.label}, seq_len {case.seq_len}, {name}: ours / torch's Timer"
            yield Figure(text, found.median, f"1 ± {worst}", off[-1] <= worst, interval(found))
    for which, value, limit in (("median", median(off), given.median_within), ("worst", max(off), worst)):
        yield Figure(f"{which} cell's distance from torch's Timer", value, f"<= {limit}", value <= limit)
    for name, best in peaks(given.alternations).items():
        yield Figure(f"{name}, ours / torch's Timer", best, "1 ± 0.1", abs(best - 1) <= 0.1)


def cases(given: argparse.Namespace) -> Iterator[BenchCase | GPTCase]:
    threads = environment.usable_cores()
    for seq_len, model in itertools.product(given.seq_len, given.model):
        yield BenchCase(model, seq_len, device="cpu", threads=threads)
    for name in given.size:
        yield complete(GPTCase(size=size(name), device="cpu", threads=threads))


def peaks(alternations: int) -> dict[str, float]:
    """The best rates of a product and of a copy, as a round takes them, against the best of torch's Timer."""
    threads = torch.get_num_threads()
    a, b, out = (torch.randn(512, 512) for _ in range(3))
    source = torch.ones(8 << 20)
    target = torch.zeros_like(source)
    known = {
        "product": (2 * 512**3, Timer("torch.mm(a, b)", globals={"torch": torch, "a": a, "b": b}, num_threads=threads)),
        "copy": (2 * source.nbytes, Timer("t.copy_(s)", globals={"t": target, "s": source}, num_threads=threads)),
    }
    ours: dict[str, float] = dict.fromkeys(known, 0.0)
    theirs: dict[str, float] = dict.fromkeys(known, 0.0)
    for _ in range(alternations):
        found = {
            (s.metric, s.axes.get("by")): s.value or 0.0 for s in machine_peak.samples(torch.device("cpu"), out.dtype)
        }
        ours["product"] = max(ours["product"], found["product_flops", "mm"])
        ours["copy"] = max(ours["copy"], found["peak_bandwidth", None])
        for name, (work, timer_of) in known.items():
            best = min(timer_of.blocked_autorange(min_run_time=0.03).times)
            theirs[name] = max(theirs[name], work / best)
    return {name: ours[name] / theirs[name] for name in known}


def made_of(case: BenchCase | GPTCase) -> Workload:
    if isinstance(case, BenchCase):
        return workload(case, seed=0)
    return token_passes.made(partial(make, case), case, 0, GPTShape.vocab_size)


def cell(case: BenchCase | GPTCase, alternations: int) -> Iterator[tuple[str, intervals.Estimate]]:
    """The ratios ours / theirs of both passes of one case."""
    torch.set_num_threads(case.threads)
    made = made_of(case)
    clock = CPUClock()
    for name in PASSES:
        plan = make_ready(clock, made, name, Budget(), None, first_of_model=True).plan

        def ours(name: str = name, plan: Plan = plan) -> float:
            return median(clock.block(made, name, plan.loops).seconds for _ in range(plan.num_blocks))

        yield name, ratio(ours, timer(made, name, case.threads), alternations)


def timer(made: Workload, name: str, threads: int) -> Callable[[], float]:
    """torch's own measurement of the same call, in seconds a call."""

    def inference() -> None:
        made.module.eval()
        with torch.no_grad():
            made.forward()

    call = made.train if name == "train" else inference
    made.module.train(name == "train")
    theirs = Timer("call()", globals={"call": call}, num_threads=threads)
    return lambda: float(theirs.blocked_autorange(min_run_time=0.03).median)


if __name__ == "__main__":
    main()
