"""Whether two stored runs are of one machine, and how far a machine moves from day to day."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import stdev
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.types import ROUND_TIME, Key, Run

DEFAULT_SPREAD = 0.04  # standard deviation of a machine from day to day where no history tells it
LEAST_HISTORY = 5


def unlike(baseline: Run, candidate: Run) -> list[str]:
    """Facts that must agree and do not, each with both values."""
    sides = [facts_of(run) for run in (baseline, candidate)]
    return [f"{key}: {sides[0][key]} and {sides[1][key]}" for key in sides[0] if sides[0][key] != sides[1][key]]


def facts_of(run: Run) -> dict[str, Any]:
    """All that must agree between runs which are compared."""
    return environment.hard_keys(run.environment) | {"inputs": _inputs(run)}


def _inputs(run: Run) -> str:
    """Which workload a case's fields stand for: the suite, and the version of how it makes weights and inputs."""
    return environment.digest({"suite": run.suite, "inputs": run.settings.get("inputs", 1)})[:16]


def spread_of(folder: Path, like: Run) -> tuple[float, int]:
    """The standard deviation of a machine between runs, from those under `folder` that are of the same kind as `like`.

    The root mean square over all timed cases of that of the logarithms of their medians; and the number of runs.
    UserError where there are too few.
    """
    if not folder.is_dir():
        raise UserError(f"--spread-from {folder} is no folder; give one that holds runs of this machine")
    found = [checked_run(file.parent) for file in sorted(folder.glob("*/run.json"))]
    alike = [run for run in found if run.suite == like.suite and run.status == "complete" and not unlike(run, like)]
    if len(alike) < LEAST_HISTORY:
        raise UserError(
            f"--spread-from {folder} has {len(alike)} complete runs of {like.suite} on this machine, of {len(found)}; "
            f"{LEAST_HISTORY} or more are needed, or leave it out for the default of {units.percent(DEFAULT_SPREAD)}"
        )
    medians: dict[Key, list[float]] = {}
    for run in alike:
        for record in run.records:
            if record.ok and record.unit == "s" and record.median and record.metric != ROUND_TIME:
                medians.setdefault(record.key, []).append(math.log(record.median))
    squares = [stdev(values) ** 2 for values in medians.values() if len(values) >= LEAST_HISTORY]
    if not squares:
        raise UserError(
            f"--spread-from {folder} has no timed case in {LEAST_HISTORY} runs; leave it out for the default"
        )
    return math.sqrt(sum(squares) / len(squares)), len(alike)
