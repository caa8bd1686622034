"""Several suites after each other under one command, each with a run of its own, in the time that there is for all."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from rnn_vs_attn.errors import DONE, INTERRUPTED, TERMINATED
from rnn_vs_attn.records.folder import check_folder
from rnn_vs_attn.run.cases import AxisValues
from rnn_vs_attn.run.command import start
from rnn_vs_attn.run.options import GroupOptions, Part
from rnn_vs_attn.stats.intervals import MIN_ROUNDS
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text.streams import print_json, say
from rnn_vs_attn.units import counted


class SharedTime:
    """The --max-seconds of several runs that follow each other; None where each has its own."""

    def __init__(self, given: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.given = given
        self._clock = clock
        self._ends = math.inf if given is None else clock() + given

    @property
    def is_over(self) -> bool:
        return self._clock() >= self._ends

    def spend(self, seconds: float) -> None:
        """So much of it goes, without waiting for that."""
        self._ends -= seconds

    def first_of(self, own: Sequence[float]) -> tuple[float, int]:
        """Seconds for the first of runs that would take so many each, and how many times that all of them have."""
        if self.given is None:
            return own[0], 1
        left = max(0.0, self._ends - self._clock())
        return left * own[0] / sum(own), math.ceil(sum(own) / own[0])


def start_all(runs: Sequence[tuple[Suite, AxisValues]], options: GroupOptions) -> int:
    """Run all suites until one is interrupted; the exit code is that of the last one that did not simply end well.

    What one leaves of its time goes to those after it.
    """
    suites = [suite for suite, _ in runs]
    folders = [options.output and options.output / _short(suite) for suite in suites]
    for folder in filter(None, folders):
        check_folder(folder)
    time_of_all = SharedTime(options.max_seconds)
    documents: list[Any] = []
    code = DONE
    for done, (suite, axes) in enumerate(runs):
        seconds, shared_by = time_of_all.first_of([1.0] * (len(suites) - done))
        own = dataclasses.replace(options, max_seconds=seconds, output=folders[done])
        if not options.as_json:
            print(f"{chr(10) if done else ''}{suite.command}: {suite.help}\n", flush=True)  # texts of its own
        code = start(suite, axes, own, Part(options.max_seconds, shared_by, done > 0, documents.append)) or code
        if code in (INTERRUPTED, TERMINATED):
            break
    if options.as_json:
        print_json({"runs": documents})
    elif not options.quiet and options.rounds < MIN_ROUNDS and code not in (INTERRUPTED, TERMINATED):
        say(_no_intervals(suites, options.rounds))
    return code


def _short(suite: Suite) -> str:
    """The last word of a suite's command."""
    return suite.command.split()[-1]


def _no_intervals(suites: Sequence[Suite], rounds: int) -> str:
    alone = ", ".join(_short(suite) for suite in suites)
    many = f"{counted(rounds, 'round')} of each"
    return f"note: {many}, so no intervals; each alone ({suites[0].group} {alone}) takes {MIN_ROUNDS} rounds or more"
