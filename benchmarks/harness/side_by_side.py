"""Trainings beside each other: steps a second of one a core, on one thread each, ÷ those of one on all cores' threads.

python benchmarks/harness/side_by_side.py [--model lstm attention gru mingru] [--turns 15] [--quick]

The small models that `recall` trains by default, on mqar, in the processes in which it trains them. A turn is a
stretch of each side, of half a second, one after the other. A figure without a target: above 1 the trainings of a run
are better done side by side, as they are. On one core both sides are the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from alternating import ratio
from reporting import Figure, interval, parsed, parser, report

from rnn_vs_attn.machine.environment import usable_cores
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.recall.case import RecallCase, complete
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import About, Train

ENDLESS = 1 << 20  # steps
PATIENCE = 60.0  # seconds


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--model", nargs="+", default=["lstm", "attention", "gru", "mingru"])
    options.add_argument("--turns", type=int, default=15)
    given = parsed(options, turns=intervals.MIN_ROUNDS, model=["lstm"])
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    cores = usable_cores()
    for model in given.model:
        beside, alone = [Stretches(model, 1) for _ in range(cores)], [Stretches(model, cores)]
        try:
            found = ratio(partial(speed, beside), partial(speed, alone), given.turns)
        finally:
            for each in (*beside, *alone):
                each.worker.close()
        text = f"steps a second, {cores} {model} side by side on one thread each / one on {cores} threads"
        details.append({"what": text, "model": model} | vars(found))
        yield Figure(text, found.median, beside=interval(found))


class Stretches:
    """A training in a process of its own, which answers after each stretch."""

    def __init__(self, model: str, threads: int) -> None:
        case = complete(RecallCase(model=model, device="cpu", threads=threads, steps=ENDLESS))
        self.request = Train(About.of(RECALL, case, None), 0)
        self.worker = ChildWorker()
        self._step, self._seconds = 0, 0.0

    def end(self) -> float:
        """Steps a second of the stretch that was begun."""
        told = self.worker.answer(self.request, PATIENCE)
        steps, seconds = told.step - self._step, told.seconds - self._seconds
        self._step, self._seconds = told.step, told.seconds
        return steps / seconds


def speed(trainings: Sequence[Stretches]) -> float:
    """Steps a second of trainings that go on at the same time, all together."""
    for each in trainings:
        each.worker.begin(each.request)
    return sum(each.end() for each in trainings)


if __name__ == "__main__":
    main()
