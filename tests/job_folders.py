"""What jobs leave: each round of a stored run of `bench` in a folder of its own, as if others had measured it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paths import REFERENCE

BENCH_RUN = REFERENCE / "full/bench"


def rounds() -> dict[int, list[dict[str, Any]]]:
    """The lines of the stored run, by their round; the last one is not whole and left out."""
    found: dict[int, list[dict[str, Any]]] = {}
    for text in (BENCH_RUN / "samples.jsonl").read_text().splitlines():
        line = json.loads(text)
        found.setdefault(line["round"], []).append(line)
    return {number: lines for number, lines in found.items() if any(ln["metric"] == "round_time" for ln in lines)}


def job_folder(path: Path, number: int, **environment: Any) -> Path:
    """A folder with one round, which is its first. environment: facts of the machine that are others."""
    path.mkdir(parents=True, exist_ok=True)  # an empty one that was made for it
    head = json.loads((BENCH_RUN / "run.json").read_text())
    head["environment"] |= environment
    head["settings"]["limits"] |= {"rounds": 1}
    (path / "run.json").write_text(json.dumps(head))
    lines = [json.dumps(line | {"round": 0}) for line in rounds()[number]]
    (path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    (path / "records.jsonl").touch()
    return path
