"""Several suites after each other under one command, each with a run of its own, in the time that there is for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rnn_vs_attn.run.session import DONE, INTERRUPTED, TERMINATED, check_folder, start
from rnn_vs_attn.stats.intervals import MIN_ROUNDS
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text.streams import print_json, say


def start_all(
    suites: Sequence[Suite], options_of: Callable[[Suite], Mapping[str, Any]], shared: Mapping[str, Any]
) -> int:
    """Run all suites until one is interrupted; the exit code is that of the last one that did not simply end well.

    options_of: what each suite runs by default; shared: what was asked for, with max_seconds and output for all of
    them. What one leaves of its time goes to those after it.
    """
    folders = [shared["output"] and shared["output"] / _short(suite) for suite in suites]
    for folder in filter(None, folders):
        check_folder(folder)
    deadline = time.monotonic() + shared["max_seconds"]
    documents: list[Any] = []
    code = DONE
    for done, suite in enumerate(suites):
        remaining = len(suites) - done
        left = max(0.0, deadline - time.monotonic()) / remaining
        own = {"max_seconds": left, "output": folders[done], "take_document": documents.append}
        own |= {"given": shared["max_seconds"], "shared_by": remaining, "after_others": done > 0}
        if not shared["as_json"]:
            print(f"{chr(10) if done else ''}{suite.command}: {suite.help}\n", flush=True)  # texts of its own
        code = start(suite, {**options_of(suite), **shared, **own}) or code
        if code in (INTERRUPTED, TERMINATED):
            break
    if shared["as_json"]:
        print_json({"runs": documents})
    elif not shared["quiet"] and shared["rounds"] < MIN_ROUNDS and code not in (INTERRUPTED, TERMINATED):
        say(_no_intervals(suites, shared["rounds"]))
    return code


def _short(suite: Suite) -> str:
    """The last word of a suite's command."""
    return suite.command.split()[-1]


def _no_intervals(suites: Sequence[Suite], rounds: int) -> str:
    alone = ", ".join(_short(suite) for suite in suites)
    many = f"{rounds} round{'s' * (rounds != 1)} of each"
    return f"note: {many}, so no intervals; each alone ({suites[0].group} {alone}) takes {MIN_ROUNDS} rounds or more"
