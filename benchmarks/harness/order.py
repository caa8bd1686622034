"""What it brings to time cases next to each other whose times are compared: how wide a ratio's interval gets.

python benchmarks/harness/order.py [--rounds 12] [--seq-len 64 128 256 512 1024] [--model rnn lstm] [--quick]

Two runs of `bench` in one, a round of each in turn: in one all cases stand in random order, in the other those that
differ in the model alone stand next to each other, in random order among themselves. Of each case: the width of the
interval of train / attention, as a logarithm, next to each other divided by anywhere. Target: below 1 in the median
case. Beside it the same of the standard deviations over rounds, which use all rounds and not the ranks of two.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import stdev

from alternating import flipped
from reporting import Figure, interval, parsed, parser, report

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.machine import environment, processors
from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.run.journal import Journal
from rnn_vs_attn.run.measuring import Measuring
from rnn_vs_attn.run.rounds import Rounds
from rnn_vs_attn.run.schedule import Schedule
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.worker.client import ChildWorker

MODELS = ("rnn", "gru", "lstm", "attention-naive")
ORDERS = ("anywhere", "adjacent")


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--seq-len", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    options.add_argument("--model", nargs="+", default=list(MODELS), help="beside attention")
    given = parsed(options, rounds=intervals.MIN_ROUNDS, seq_len=[64, 128], model=["lstm"])
    if given.rounds < intervals.MIN_ROUNDS:
        options.error(f"--rounds {given.rounds}: an interval takes {intervals.MIN_ROUNDS}")
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    runs = measured(given.rounds, given.seq_len, [*given.model, BASELINE])
    widths, spreads = [], []
    for key in runs["anywhere"]:
        width = {order: width_of(runs[order][key]) for order in ORDERS}
        spread = {order: stdev(map(math.log, runs[order][key])) for order in ORDERS}
        widths.append(width["adjacent"] / width["anywhere"])
        spreads.append(spread["adjacent"] / spread["anywhere"])
        details.append({"model": key[0], "seq_len": key[1], "width": width, "sd": spread})
    for name, values in (("width of the interval", widths), ("standard deviation over rounds", spreads)):
        found = intervals.estimate(values)
        text = f"{name} of train / attention, adjacent / anywhere, median of {len(values)} cases"
        yield Figure(text, found.median, "< 1", found.median < 1, interval(found))


def width_of(ratios: Sequence[float]) -> float:
    """Of the interval, as a logarithm."""
    found = intervals.estimate(ratios)
    assert found.low is not None
    assert found.high is not None
    return math.log(found.high / found.low)


def measured(
    rounds: int, lengths: Sequence[int], models: Sequence[str]
) -> dict[str, dict[tuple[str, int], list[float]]]:
    """The ratios of training times of every case, one a round, under both orders."""
    threads = environment.usable_cores()
    cases = [BenchCase(model, length, device="cpu", threads=threads) for length in lengths for model in models]
    with tempfile.TemporaryDirectory() as scratch:
        sweeps = {order: sweep(order, cases, Path(scratch) / order, threads) for order in ORDERS}
        for number, orders in enumerate(flipped(ORDERS, rounds), start=1):
            for order in orders:
                sweeps[order].one_round()
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        return {order: ratios_of(made.journal.records()) for order, made in sweeps.items()}


def sweep(order: str, cases: Sequence[BenchCase], folder: Path, threads: int) -> Rounds:
    """Times only, in that order."""
    suite = dataclasses.replace(BENCH, measured_rounds=0, always_measured=lambda case: False)
    if order == "anywhere":
        suite = dataclasses.replace(suite, compared=())
    worker = partial(ChildWorker, variables=processors.one_each([threads]))
    limits = Limits(max_seconds=1e6)
    schedule = Schedule.of({}, limits, time.monotonic(), start_up=0.0)
    return Rounds(Measuring(Journal(suite, cases, RunFolder.create(folder), ()), limits, schedule, worker, {}))


def ratios_of(records: Sequence[Record]) -> dict[tuple[str, int], list[float]]:
    """Training times divided by attention's in the same round."""
    times = {
        (str(r.axes["model"]), int(r.axes["seq_len"] or 0)): r.samples for r in records if r.metric == "train_time"
    }
    return {
        (model, length): [a / b for a, b in zip(values, times[BASELINE, length], strict=True) if a and b]
        for (model, length), values in times.items()
        if model != BASELINE
    }


if __name__ == "__main__":
    main()
