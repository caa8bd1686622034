"""A run of `recall` in a folder: made, gone on with, or read, whatever is there; and what programs read out of it."""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from reporting import Figure, parsed, report

from rnn_vs_attn.records.folder import read_head, read_run
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.training.course import merit

Figures = Callable[[argparse.Namespace, list[dict[str, Any]]], Iterator[Figure]]  # which adds details to the list
_ENDS = (0, 4)  # exit codes of a run that has come to its end, the second where a training failed, as by a NaN
FACTS = ("accuracy", "loss", "steps_to_solve", "num_params")
_NO_END = "1000000"  # seconds: what limits these runs is their number of steps


def follow(options: argparse.ArgumentParser, folder: str, figures: Figures, **quick: Any) -> None:
    """Report the figures of a program whose runs are in a folder. quick: what --quick puts in the place of defaults."""
    options.add_argument("--folder", type=Path, default=Path("results") / folder, help="of the runs (%(default)s)")
    given = parsed(options, folder=Path("results") / f"{folder}-quick", **quick)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def trained(folder: Path, words: str) -> Run:
    """The run in a folder of `recall` with these options: read where it is complete, else made or gone on with.

    Progress is the command's own, on standard error. SystemExit where the folder holds a run of other options, and
    where the command is interrupted or refuses.
    """
    there = (folder / "run.json").exists()
    asked = ["recall", *words.split(), "--max-seconds", _NO_END, "--anonymous"]
    if there:
        _check(folder, asked)
    if not there or read_head(folder).status != "complete":
        where = ["recall", "--resume", str(folder)] if there else [*asked, "--output", str(folder)]
        _call([sys.executable, "-m", "rnn_vs_attn", *where])
    return read_run(folder)


def _check(folder: Path, asked: Sequence[str]) -> None:
    stored = read_head(folder).command[1:]
    if stored[: len(asked)] != list(asked):
        sys.exit(f"{folder} holds a run of `{' '.join(stored)}`, not of `{' '.join(asked)}`; give another --folder")


def _call(command: Sequence[str]) -> None:
    print(f"$ {' '.join(['rnn-vs-attn', *command[3:]])}", file=sys.stderr, flush=True)
    code = exit_code(command)
    if code not in _ENDS:
        sys.exit(f"`recall` ended with exit code {code}; call this program again to go on")


def exit_code(command: Sequence[str]) -> int:
    """Of a command, which on Ctrl-C has the time to keep what it has trained."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()


# What stands in a run


def facts(run: Run, **axes: Any) -> Iterator[dict[str, Any]]:
    """Of each training of the first round, at these axes: its learning rate and what came of it, a dictionary each.

    accuracy (None of real numbers) and loss of the last evaluation, steps_to_solve (None where it was not solved) and
    num_params; None of all where it failed.
    """
    for at in _trainings(run, axes):
        yield {"learning_rate": at["learning_rate"], **{name: _first(run.records, name, at) for name in FACTS}}


def best(run: Run, **axes: Any) -> dict[str, Any]:
    """The facts of the learning rate that did best: by its accuracy, then by its loss."""
    return max(facts(run, **axes), key=lambda fact: merit(fact["accuracy"], _loss(fact)))


def _loss(fact: dict[str, Any]) -> float:
    return math.inf if fact["loss"] is None else float(fact["loss"])


def _trainings(run: Run, axes: dict[str, Any]) -> list[dict[str, Any]]:
    """Axes of each; `loss` is recorded of all of them, also of those that failed."""
    return [dict(r.axes) for r in run.records if r.metric == "loss" and axes.items() <= r.axes.items()]


def _first(records: Sequence[Record], metric: str, axes: dict[str, Any]) -> float | None:
    found = [record for record in measured(records, metric, **axes) if record.axes == axes]
    return found[0].samples[0] if found else None
