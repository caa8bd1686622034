"""Stored runs over time whose levels are known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from planted_runs import MACHINE, record, stored

BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
Level = Callable[[int], float]


def steady(_: int) -> float:
    return 1.0


def stepped(at: int, factor: float) -> Level:
    """A level that is another one from run number `at` on."""
    return lambda number: factor if number >= at else 1.0


def facts(number: int, **rest: Any) -> dict[str, Any]:
    """The machine of a run, and its commit, of every day one."""
    name = f"{number:02x}" * 20
    return MACHINE | {"git_commit": name, "git_commit_time": day(number).isoformat()} | rest


def day(number: int) -> datetime:
    return BEGIN + timedelta(days=number)


def history(
    folder: Path,
    levels: dict[tuple[str, int], Level],
    runs: int = 16,
    sd: float = 0.01,
    machine: Callable[[int], dict[str, Any]] = lambda _: {},
) -> Path:
    """A folder of runs, one a day. levels: of `forward_time` by model and length; sd: from run to run."""
    draw = random.Random(f"{runs} {sd}")
    for number in range(runs):
        records = []
        for (model, length), level in levels.items():
            middle = 0.01 * level(number) * math.exp(draw.gauss(0, sd))
            samples = [middle * (1 + part) for part in (-0.01, -0.004, -0.002, 0.002, 0.005, 0.012)]
            samples[2:4] = [middle, middle]
            ends = {"low": min(samples), "high": max(samples)}
            records.append(record("forward_time", samples, model, axes={"seq_len": length}, **ends))
        environment = facts(number) | machine(number)
        stored(folder / f"run-{number:02}", *records, environment=environment, started=day(number).isoformat())
    return folder
