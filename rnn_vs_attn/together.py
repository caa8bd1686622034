"""Several suites after each other under one command, each with a run of its own, in the time that there is for all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rnn_vs_attn.session import DONE, INTERRUPTED, TERMINATED, print_json, start
from rnn_vs_attn.stats import MIN_ROUNDS
from rnn_vs_attn.suites.suite import Suite


def start_all(
    suites: Sequence[Suite], options_of: Callable[[Suite], Mapping[str, Any]], shared: Mapping[str, Any]
) -> int:
    """Run all suites; the exit code is that of the first that did not simply end well.

    options_of: what each suite runs by default; shared: what was asked for, with max_seconds and output for all of
    them. What one leaves of its time goes to those after it.
    """
    deadline = time.monotonic() + shared["max_seconds"]
    documents: list[Any] = []
    codes = []
    for done, suite in enumerate(suites):
        left = max(0.0, deadline - time.monotonic()) / (len(suites) - done)
        own = {"max_seconds": left, "take_document": documents.append}
        if shared["output"] is not None:
            own["output"] = shared["output"] / _short(suite)
        if not shared["as_json"]:
            print(f"{chr(10) if done else ''}{suite.command}: {suite.help}\n", flush=True)
        codes.append(start(suite, {**options_of(suite), **shared, **own}))
        if codes[-1] in (INTERRUPTED, TERMINATED):
            break
    if shared["as_json"]:
        print_json({"runs": documents})
    if not shared["quiet"] and shared["rounds"] < MIN_ROUNDS:
        print(_no_intervals(suites, shared["rounds"]), file=sys.stderr)
    ended = [code for code in codes if code != DONE]
    return ended[-1] if ended else DONE


def _short(suite: Suite) -> str:
    """The last word of a suite's command."""
    return suite.command.split()[-1]


def _no_intervals(suites: Sequence[Suite], rounds: int) -> str:
    alone = ", ".join(_short(suite) for suite in suites)
    many = f"{rounds} round{'s' * (rounds != 1)} of each"
    return f"note: {many}, so no intervals; each alone ({suites[0].group} {alone}) takes {MIN_ROUNDS} rounds or more"
