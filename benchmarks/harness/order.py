"""What it brings to time cases next to each other whose times are compared: how wide a ratio's interval gets.

python benchmarks/harness/order.py [--rounds 12] [--quick] [-- OPTIONS OF CASES, such as --seq-len 64:1024]

Two runs of `bench` in one, a round of each in turn: in one all cases stand in random order, in the other those that
differ in the model alone stand next to each other, in random order among themselves. Of each case: the width of the
interval of train / attention, as a logarithm, next to each other divided by anywhere. Target: below 1 in the median
case. Beside it the same of the standard deviations over rounds, which use all rounds and not the ranks of two.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import stdev

from reporting import Figure, interval, parsed, parser, report

from rnn_vs_attn import environment, processors, stats
from rnn_vs_attn.budget import Limits
from rnn_vs_attn.child import ChildWorker
from rnn_vs_attn.records import Record, Run, RunFolder
from rnn_vs_attn.runner import Sweep, now
from rnn_vs_attn.suites.bench import BENCH, BenchCase

MODELS = ("rnn", "gru", "lstm", "attention", "attention-naive")
ORDERS = ("anywhere", "adjacent")


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--seq-len", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    given = parsed(options, rounds=stats.MIN_ROUNDS, seq_len=[64, 128])
    details: list[dict[str, object]] = []
    report(figures(given.rounds, given.seq_len, details), details, given)


def figures(rounds: int, lengths: Sequence[int], details: list[dict[str, object]]) -> Iterator[Figure]:
    runs = measured(rounds, lengths)
    widths, spreads = [], []
    for key in runs["anywhere"]:
        of_case = {order: runs[order][key] for order in ORDERS}
        width = {order: math.log(r.high / r.low) for order, r in of_case.items() if r.low and r.high}
        spread = {order: stdev(map(math.log, record.values)) for order, record in of_case.items()}
        widths.append(width["adjacent"] / width["anywhere"])
        spreads.append(spread["adjacent"] / spread["anywhere"])
        details.append({"model": key[0], "seq_len": key[1], "width": width, "sd": spread})
    for name, values in (("width of the interval", widths), ("standard deviation over rounds", spreads)):
        found = stats.estimate(values)
        text = f"{name} of train / attention, adjacent / anywhere, median of {len(values)} cases"
        yield Figure(text, found.median, "< 1", found.median < 1, interval(found))


def measured(rounds: int, lengths: Sequence[int]) -> dict[str, dict[tuple[str, int], Record]]:
    """The ratios of training times of every case, under both orders."""
    threads = environment.usable_cores()
    cases = [BenchCase(model, length, device="cpu", threads=threads) for length in lengths for model in MODELS]
    variables = processors.one_each([threads])
    with tempfile.TemporaryDirectory() as scratch:
        suites = {
            order: dataclasses.replace(BENCH, measured_rounds=0, always_measured=lambda case: False) for order in ORDERS
        }
        suites["anywhere"] = dataclasses.replace(suites["anywhere"], compared=())
        sweeps = {
            order: Sweep(
                suite,
                cases,
                Limits(max_seconds=1e6),
                RunFolder.create(Path(scratch) / order),
                Run("bench", [], {}, {}, now(), None, "interrupted"),
                lambda: ChildWorker(variables=variables),
            )
            for order, suite in suites.items()
        }
        for number in range(rounds):
            for order in ORDERS if number % 2 else reversed(ORDERS):
                sweeps[order].one_round()
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        records = {order: BENCH.expand(sweep.journal.records()) for order, sweep in sweeps.items()}
    return {
        order: {
            (str(r.axes["model"]), int(r.axes["seq_len"] or 0)): r
            for r in found
            if r.metric == "ratio" and r.axes["of"] == "train_time"
        }
        for order, found in records.items()
    }


if __name__ == "__main__":
    main()
