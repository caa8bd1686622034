"""Memory: measured peaks of attention against the arithmetic, and how they grow with the length.

python benchmarks/harness/memory.py

`attention-naive` holds (B, H, L, L) and grows as L^2; `attention` grows as L. Targets, where the arithmetic is at least
64 MiB: peaks within 5 %, exponents within 0.1 of 2 and 1. Cases are measured in random order in one fresh worker.
"""

from __future__ import annotations

import random
import sys

from reporting import Figure, parser, report

from rnn_vs_attn import environment, stats, units
from rnn_vs_attn.child import ChildWorker
from rnn_vs_attn.models import find
from rnn_vs_attn.suites.bench import BenchCase
from rnn_vs_attn.suites.suite import axes_of

LENGTHS = {"attention-naive": [1024, 2048], "attention": [8192, 16384, 32768]}
GROWTH = {"attention-naive": 2.0, "attention": 1.0}
LEAST = 64 * units.MIB


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--within", type=float, default=0.05)
    options.add_argument("--model", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    options.add_argument("--at-most", type=int, default=32768, help="longest sequence")
    given = options.parse_args()
    threads = environment.usable_cores()
    pairs = [(model, length) for model in given.model for length in LENGTHS[model] if length <= given.at_most]
    random.shuffle(pairs)
    worker = ChildWorker()
    found = {pair: peaks(worker, BenchCase(*pair, device="cpu", threads=threads)) for pair in pairs}
    worker.close()
    details = [
        detail(model, length, name, peak) for (model, length), p in sorted(found.items()) for name, peak in p.items()
    ]
    if not given.json:
        for row in details:
            print(
                "{model:16} {seq_len:6} {pass:8} {measured:8.1f} MiB of {arithmetic:8.1f}".format(**row),
                file=sys.stderr,
            )
    counted = [row for row in details if row["arithmetic"] >= LEAST / units.MIB]
    worst = max(abs(row["measured"] / row["arithmetic"] - 1) for row in counted)
    figures = [Figure("worst distance from the arithmetic", worst, f"<= {given.within}", worst <= given.within)]
    figures += [growth(model, counted) for model in given.model if sum(r["model"] == model for r in counted) > 2]
    report(figures, details, given.json)


def peaks(worker: ChildWorker, case: BenchCase) -> dict[str, float]:
    """Bytes at the peak of a forward and of a training pass."""
    answer = worker.ask("measure", 300, suite="bench", case=axes_of(case), seed=1, max_memory=None)
    samples = [sample for sample in answer["samples"] if sample["metric"] == "peak_memory"]
    return {sample["axes"]["pass"]: sample["value"] for sample in samples if sample["axes"]["pass"] != "backward"}


def detail(model: str, seq_len: int, name: str, peak: float) -> dict[str, object]:
    costs = find(model).costs
    assert costs is not None
    arithmetic = costs.least_memory(BenchCase(model, seq_len).shape, 4, name == "train")
    measured = {"measured": peak / units.MIB, "arithmetic": arithmetic / units.MIB}
    return {"model": model, "seq_len": seq_len, "pass": name} | measured


def growth(model: str, rows: list[dict[str, object]]) -> Figure:
    """The exponent of the training peak over the last doubling."""
    last = [row for row in rows if row["model"] == model and row["pass"] == "train"][-2:]
    exponent = stats.slope([float(row["seq_len"]) for row in last], [float(row["measured"]) for row in last])
    return Figure(f"exponent of {model}", exponent, f"{GROWTH[model]} ± 0.1", abs(exponent - GROWTH[model]) <= 0.1)


if __name__ == "__main__":
    main()
