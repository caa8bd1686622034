"""Stored runs made by hand, whose comparison is known."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import median
from typing import Any

from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.machine import torch_release
from rnn_vs_attn.machine.environment import describe
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.states import TABLE
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.suites.metrics import CALIBRATION

MACHINE = {"cpu": "abacus", "usable_cores": 2, "torch": "2.13.0", "git_commit": "abc"}
ECHOES = frozenset(["tokens_per_second"])
RULES = Rules(0.03, ("model", "seq_len"), 0.0, "a test", CALIBRATION, ECHOES)


def here() -> dict[str, Any]:
    """The environment of a run that was measured on this machine."""
    return describe(torch_release.facts(), anonymous=True)


def values(rounds: int, factor: float = 1.0, sd: float = 0.004, seed: int = 0) -> list[float]:
    draw = random.Random(f"{rounds} {factor} {seed}")
    return [0.01 * factor * math.exp(draw.gauss(0, sd)) for _ in range(rounds)]


def record(metric: str, samples: list[float], model: str = "lstm", **rest: Any) -> Record:
    plain: dict[str, Any] = {"unit": "s", "better": "lower", "exact": False, "status": "ok", "low": None, "high": None}
    axes = {"model": model, "seq_len": 64} | rest.pop("axes", {})
    middle = median(samples) if samples else None
    return Record(suite="bench", axes=axes, metric=metric, samples=[*samples], median=middle, **(plain | rest))


def run_of(*records: Record, **rest: Any) -> Run:
    plain: dict[str, Any] = {"settings": {}, "environment": MACHINE, "started": "2026-01-01", "finished": "2026-01-01"}
    return Run(suite="bench", command=[], status="complete", records=[*records], **(plain | rest))


def stored(path: Path, *records: Record, **rest: Any) -> Path:
    folder = RunFolder.create(path)
    run = run_of(*records, **rest)
    folder.write_run(run)
    folder.write_records(run.records)
    folder.write(TABLE, "")
    folder.close()
    return path
