"""Whether the sizes, rates and steps that `recall` has by default are enough for the winner of each default task.

python benchmarks/learning/defaults.py [--seeds 20] [--steps STEPS] [--folder results/recall-defaults] [--quick]

Attention on mqar and the LSTM on parity, as `recall` trains them by default: its learning rates with one seed, the
best of them with the others. Targets, for each: solved with every seed, and by the slowest within half of the steps of
the whole, so that a claim that the other models do not solve it in all of them has twice what the winner needed.
--steps, and options of `recall` after --, try other ones. What stands complete in the folder is read and not trained
again, what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from reporting import Figure, parser
from trained import follow, trained

from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.suites.recall.analysis import Outcome, outcomes
from rnn_vs_attn.suites.recall.case import DEFAULT_STEPS

WINNERS = {"mqar": BASELINE, "parity": "lstm"}  # of the default tasks
SEEDS = 20
STEPS = max(DEFAULT_STEPS[task] for task in WINNERS)  # of a default run that has time for all of them


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--seeds", type=int, default=SEEDS)
    options.add_argument("--steps", type=int, default=STEPS, help="of each training (%(default)s)")
    options.add_argument("--task", nargs="+", default=list(WINNERS), choices=list(WINNERS))
    options.add_argument("recall", nargs="*", help="options of `recall`, after --")
    follow(options, "recall-defaults", figures, seeds=2, steps=20)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for task in given.task:
        words = f"--task {task} --model {WINNERS[task]} --rounds {given.seeds} --steps {given.steps}"
        run = trained(given.folder / f"{task}-{given.steps}", " ".join([words, *given.recall]))
        for outcome in outcomes(run.records):
            details.append(detail(task, outcome))
            yield from judged(task, outcome, given.seeds)


def judged(task: str, outcome: Outcome, seeds: int) -> Iterator[Figure]:
    """In how many seeds it was solved, and after how many steps in the slowest of them."""
    solved = sum(math.isfinite(steps) for steps in outcome.steps)
    half, slowest = outcome.budget / 2, min(max(outcome.steps), outcome.budget)
    how = f"(at {outcome.rate:g}; solved at {outcome.solved_at} of {outcome.rates} rates)"
    name = f"{task}, {outcome.model}"
    yield Figure(f"{name}: seeds that solve it", solved, f"{seeds}", solved == seeds, how)
    in_half = solved == seeds and slowest <= half
    yield Figure(f"{name}: steps of the slowest", slowest, f"<= {half:g}", in_half, _all(solved, seeds))


def _all(solved: int, seeds: int) -> str:
    return "" if solved == seeds else f"(all there were; {seeds - solved} needed more)"


def detail(task: str, outcome: Outcome) -> dict[str, Any]:
    """For the document of --json, None where a seed did not solve it."""
    steps = [value if math.isfinite(value) else None for value in outcome.steps]
    return {
        "task": task,
        "model": outcome.model,
        "rate": outcome.rate,
        "steps": outcome.budget,
        "steps_to_solve": steps,
    }


if __name__ == "__main__":
    main()
