"""Runs of commands that train, while they go on and after."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from command import lines_of


def values(folder: Path) -> list[tuple[str, str, int, str]]:
    """Of every sample that is no time, with its details; of one that was taken twice the later one."""
    found = {
        (json.dumps(line["axes"], sort_keys=True), line["metric"], line["round"]): (line["value"], line["details"])
        for line in lines_of(folder / "samples.jsonl")
        if "second" not in line["metric"] and line["metric"] not in ("round_time", "round_dropped")
    }
    return sorted((*key, json.dumps(value)) for key, value in found.items())


def wait_until(met: Callable[[], object]) -> None:
    """For as long as it takes; ten minutes are a hang."""
    end = time.monotonic() + 600
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
