"""Right: this program's times against torch.utils.benchmark.Timer, alternately in one process.

python benchmarks/harness/accuracy.py [--alternations 21] [--seq-len 128 512]

12 cells: six models at two lengths; in each the forward and the training pass. A cell's ratio is the median over
alternations of ours / theirs, the order of the two flipped each time. Target on a quiet machine: within 3 % in the
median cell and 8 % in the worst. The machine's own peaks (matrix product, copy) are held against the same Timer, best
against best: within 10 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median

import torch
from reporting import Figure, parser, report
from torch.utils.benchmark import Timer

from rnn_vs_attn import environment, stats
from rnn_vs_attn.budget import Budget, Plan
from rnn_vs_attn.measure import anchor
from rnn_vs_attn.measure.clock import PASSES, CPUClock
from rnn_vs_attn.measure.stopping import make_ready
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models import MODELS
from rnn_vs_attn.suites.bench import BenchCase, workload


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--alternations", type=int, default=21)
    options.add_argument("--seq-len", type=int, nargs="+", default=[128, 512])
    options.add_argument("--model", nargs="+", default=[spec.name for spec in MODELS])
    options.add_argument("--median-within", type=float, default=0.03)
    options.add_argument("--worst-within", type=float, default=0.08)
    given = options.parse_args()
    cells = [cell(model, length, given.alternations) for length in given.seq_len for model in given.model]
    if not given.json:
        for found in cells:
            print("{model:16} {seq_len:5}  forward {forward}  train {train}".format(**found), file=sys.stderr)
    off = sorted(abs(float(str(found[name])) - 1) for found in cells for name in PASSES)
    limits = {"median": (median(off), given.median_within), "worst": (off[-1], given.worst_within)}
    figures = [
        Figure(f"{which} cell's distance from torch's Timer", value, f"<= {limit}", value <= limit)
        for which, (value, limit) in limits.items()
    ]
    figures += [
        Figure(f"{name}, ours / torch's Timer", ratio, "1 ± 0.1", abs(ratio - 1) <= 0.1)
        for name, ratio in peaks(given.alternations).items()
    ]
    report(figures, cells, given.json)


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
        found = {(s.metric, s.axes.get("by")): s.value or 0.0 for s in anchor.samples(torch.device("cpu"), out.dtype)}
        ours["product"] = max(ours["product"], found["product_flops", "mm"])
        ours["copy"] = max(ours["copy"], found["peak_bandwidth", None])
        for name, (work, timer_of) in known.items():
            best = min(timer_of.blocked_autorange(min_run_time=0.03).times)
            theirs[name] = max(theirs[name], work / best)
    return {name: ours[name] / theirs[name] for name in known}


def cell(model: str, seq_len: int, alternations: int) -> dict[str, object]:
    """The ratios ours / theirs of both passes of one case."""
    threads = environment.usable_cores()
    torch.set_num_threads(threads)
    made = workload(BenchCase(model, seq_len, device="cpu", threads=threads), seed=0)
    clock = CPUClock()
    found: dict[str, object] = {"model": model, "seq_len": seq_len}
    for name in PASSES:
        plan = make_ready(clock, made, name, Budget(), None, first_of_model=True).plan
        result = stats.estimate(alternated(clock, made, name, plan, timer(made, name, threads), alternations))
        found |= {name: round(result.median, 4), f"{name}_low": result.low, f"{name}_high": result.high}
    return found


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


def alternated(
    clock: CPUClock, made: Workload, name: str, plan: Plan, theirs: Callable[[], float], alternations: int
) -> list[float]:
    """ours / theirs, once an alternation, the order flipped each time."""

    def ours() -> float:
        return median(clock.block(made, name, plan.loops).seconds for _ in range(plan.num_blocks))

    ratios = []
    for number in range(alternations):
        if number % 2:
            other = theirs()
            ratios.append(ours() / other)
        else:
            own = ours()
            ratios.append(own / theirs())
    return ratios


if __name__ == "__main__":
    main()
