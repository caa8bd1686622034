"""Adding and copying memory at the settings of Bai, Kolter and Koltun 2018 (TCN, arXiv:1803.01271, table 1).

python benchmarks/learning/published_settings.py [--whole] [--task adding] [--model gru] [--folder FOLDER] [--quick]

GRU, LSTM and tanh RNN of one layer without an MLP, batch 32, as wide as 70,000 parameters allow (adding) and 16,000
(copying 10 symbols of 8), as there. Beside each result stands the published one, at the length that it was published
for. The published loss of copying is a mean over all T + 20 positions; ours over the 10 answers is multiplied by
10 / (T + 20), as if every blank were right, and the memoryless one is 10 ln 8 / (T + 20). Not as there: our one layer
stands in a residual block with a norm; AdamW with warm-up and cosine in place of Adam and RMSprop at a constant rate,
at their rate and at another one, of which the better counts; and each step has examples of its own, in place of 50,000
and 10,000 that come again. Target: the GRU solves adding, with an error below 0.01, at every length. By default adding
at T = 100 and 200 and copying at T = 50 and 100. --whole takes the published T = 600 and T = 1,000 too, at their rate
and with as many steps as theirs: a night or two on two cores. What stands complete in the folder is read and not
trained again, what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from reporting import Figure, parser
from trained import best, follow, trained

SYMBOLS, ALPHABET = 10, 8  # of copying
LEAST_ERROR = 0.01  # below which adding counts as solved
ALIKE = "--num-heads 1 --num-layers 1 --mlp 0 --match none --batch-size 32 --rounds 1"


@dataclass(frozen=True)
class Task:
    """A task as it was published, and how it is trained here.

    widths: of each model, whose parameters are nearest to the published number. published: results of each at the
    length `at`. lengths: T, by default and with --whole. rates, steps: of both, too. quick: T.
    """

    name: str
    widths: dict[str, int]
    published: dict[str, float]
    at: int
    lengths: tuple[tuple[int, ...], tuple[int, ...]]
    rates: tuple[str, str]
    steps: tuple[int, int]
    quick: int

    def seq_len(self, length: int) -> int:
        return length + 2 * SYMBOLS if self.name == "copy" else length

    def chance(self, length: int) -> float:
        """The loss, on the published scale, of an answer that has nothing to do with what was read."""
        return SYMBOLS * math.log(ALPHABET) / self.seq_len(length) if self.name == "copy" else 1 / 6

    def scaled(self, loss: float, length: int) -> float:
        """A loss of ours on the published scale."""
        return loss * SYMBOLS / self.seq_len(length) if self.name == "copy" else loss


ADDING = Task(
    name="adding",
    widths={"gru": 107, "lstm": 93, "rnn": 185},
    published={"gru": 5.3e-5, "lstm": 0.164, "rnn": 0.177},
    at=600,
    lengths=((100, 200), (200, 400, 600)),
    rates=("1e-3,4e-3", "4e-3"),
    steps=(1500, 15600),
    quick=8,
)
COPY = Task(
    name="copy",
    widths={"gru": 49, "lstm": 43, "rnn": 83},
    published={"gru": 0.0197, "lstm": 0.0204, "rnn": 0.0202},
    at=1000,
    lengths=((50, 100), (200, 500, 1000)),
    rates=("5e-4,4e-3", "5e-4"),
    steps=(1500, 15600),
    quick=1,
)
TASKS = (ADDING, COPY)
QUICK_STEPS = 20


def main() -> None:
    options = parser(__doc__ or "")
    names = [task.name for task in TASKS]
    options.add_argument("--task", nargs="+", default=names, choices=names)
    options.add_argument("--whole", action="store_true", help="at the published lengths too")
    options.add_argument("--model", nargs="+", default=list(ADDING.widths), choices=list(ADDING.widths))
    follow(options, "published-settings", figures, model=["gru"])


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    """Model by model and length by length, each a run of its own, as its width and its tested length are."""
    for task in (task for task in TASKS if task.name in given.task):
        for length in (task.quick,) if given.quick else task.lengths[given.whole]:
            for model in given.model:
                name = f"{task.name}-{length}-{model}{'-whole' if given.whole else ''}"
                run = trained(given.folder / name, words(task, model, length, given))
                details.append({"task": task.name, "length": length, "model": model, **best(run)})
                yield figure(task, details[-1])


def words(task: Task, model: str, length: int, given: argparse.Namespace) -> str:
    """Options of the run of one model at one length."""
    seq_len = task.seq_len(length)
    steps = QUICK_STEPS if given.quick else task.steps[given.whole]
    size = f"--task {task.name} --seq-len {seq_len} --test-seq-len {seq_len}"
    if task.name == "copy":
        size += f" --num-symbols {SYMBOLS} --vocab-size {ALPHABET + 2}"
    layer = f"--model {model} --d-model {task.widths[model]}"
    return f"{size} {layer} {ALIKE} --learning-rate {task.rates[given.whole]} --steps {steps}"


def figure(task: Task, fact: dict[str, Any]) -> Figure:
    """The loss of one model at one length, on the published scale, beside the published one."""
    model, length = fact["model"], fact["length"]
    loss = math.nan if fact["loss"] is None else task.scaled(fact["loss"], length)
    solved = fact["steps_to_solve"]
    how = "not solved" if solved is None else f"solved after {solved:.0f} steps"
    published = f"published at T = {task.at}: {task.published[model]:g} of {task.chance(task.at):.3g}"
    size = f"{fact['num_params'] or math.nan:,.0f} parameters, rate {fact['learning_rate']:g}"
    beside = f"of {task.chance(length):.3g} without memory ({how}; {published}; {size})"
    name = f"{task.name}, T = {length}, {model}"
    if task is ADDING and model == "gru":
        return Figure(name, loss, f"< {LEAST_ERROR:g}", loss < LEAST_ERROR, beside)
    return Figure(name, loss, beside=beside)


if __name__ == "__main__":
    main()
