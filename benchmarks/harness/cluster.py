"""More than one machine: how collecting grows with the number of jobs, and what showing a large run takes.

python benchmarks/harness/cluster.py [--jobs 1000] [--samples 10000000] [--quick]

No machine is needed: each job's folder is written as its worker would leave it, with drawn times of thirty cases, and
collected by the program's own code. Then a run of so many samples is shown again, and put onto a page, in processes of
their own. Targets: a round of the last tenth of jobs takes no more than twice as long to collect as one of the first
tenth, and each of the two takes less than a GiB.
"""

from __future__ import annotations

import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reporting import Figure, parsed, parser, report

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.sweep.collecting import Collected

REFERENCE = Path(__file__).resolve().parents[2] / "results/reference/full/bench"
ASKED = """
import resource, sys
from rnn_vs_attn.cli.app import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
MIB, GIB = 1 << 20, 1 << 30


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--jobs", type=int, default=1000)
    made.add_argument("--samples", type=int, default=10_000_000)
    given = parsed(made, jobs=60, samples=20_000)
    with tempfile.TemporaryDirectory(prefix="rnn-vs-attn-") as folder:
        report(figures(Path(folder), given.jobs, given.samples), [], given)


def figures(folder: Path, jobs: int, samples: int) -> Iterator[Figure]:
    yield from _showing(folder / "large", samples)
    yield from _collecting(folder / "jobs", jobs)


# Collecting


def _collecting(folder: Path, jobs: int) -> Iterator[Figure]:
    """Seconds of a round in the first and in the last tenth of the jobs, and the process's memory beside it."""
    template = [json.loads(line) for line in (REFERENCE / "samples.jsonl").read_text().splitlines()]
    template = [line for line in template if line["round"] == 0]
    before = _peak()
    collected = Collected(BENCH, folder / "bench", Limits(rounds=jobs))
    seconds = []
    for number in range(jobs):
        path = _job(folder / "left" / str(number), template, number)
        begun = time.perf_counter()
        collected.take(path, number)
        seconds.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    collected.end(is_over=True)
    tenth = max(1, jobs // 10)
    first, last = (sum(part) / tenth for part in (seconds[:tenth], seconds[-tenth:]))
    yield Figure("jobs", jobs)
    yield Figure("samples of each", len(template))
    yield Figure("seconds to collect all of them", sum(seconds))
    yield Figure("seconds a round, first tenth", first)
    yield Figure("seconds a round, last tenth ÷ first tenth", last / first, "<= 2", last <= 2 * first)
    yield Figure("seconds for the tables and plots at the end", time.perf_counter() - begun)
    yield Figure("MiB that collecting takes", (_peak() - before) / MIB)


def _job(path: Path, template: Sequence[dict[str, Any]], number: int) -> Path:
    """What a job leaves, with times that are drawn around those of the stored run."""
    draw = random.Random(number)
    path.mkdir(parents=True)
    (path / "run.json").write_bytes((REFERENCE / "run.json").read_bytes())
    lines = [json.dumps(_drawn(line, draw)) for line in template]
    (path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    (path / "records.jsonl").touch()
    return path


def _drawn(line: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    if not line["metric"].endswith("_time") or line["value"] is None:
        return line
    factor = math.exp(draw.gauss(0, 0.03))
    return line | {"value": line["value"] * factor, "blocks": [block * factor for block in line["blocks"]]}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# Showing


def _showing(folder: Path, samples: int) -> Iterator[Figure]:
    """What a run of the stored cases takes to be shown, with as many rounds as so many samples need."""
    records = [json.loads(line) for line in (REFERENCE / "records.jsonl").read_text().splitlines()]
    timed = [record for record in records if record["metric"].endswith("_time") and len(record["samples"]) > 1]
    rounds = max(7, samples // len(timed))
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes((REFERENCE / "run.json").read_bytes())
    with (folder / "records.jsonl").open("w") as file:
        for record in timed:
            file.write(json.dumps(_longer(record, rounds)) + "\n")
    yield Figure("samples of a large run", rounds * len(timed))
    yield Figure("MiB of its records", (folder / "records.jsonl").stat().st_size / MIB)
    yield from _asked("show", str(folder))
    yield from _asked("report", str(folder))


def _asked(*words: str) -> Iterator[Figure]:
    """Seconds and peak memory of a command, in a process of its own."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", ASKED, *words], capture_output=True, text=True, check=True)
    seconds, peak = time.perf_counter() - begun, int(done.stderr.split()[-1]) * 1024
    yield Figure(f"seconds to {words[0]} it", seconds)
    yield Figure(f"MiB to {words[0]} it", peak / MIB, "< 1024", peak < GIB)


def _longer(record: dict[str, Any], rounds: int) -> dict[str, Any]:
    """A record with more samples around its median, which stays what it is."""
    draw = random.Random(record["metric"])
    middle = record["median"]
    above = [middle * (1 + abs(draw.gauss(0, 0.03))) for _ in range(rounds // 2)]
    samples = [value for each in above for value in (each, middle * middle / each)] + [middle] * (rounds % 2)
    ordered = sorted(samples)
    half = len(ordered) // 2
    median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return record | {"samples": samples, "median": median, "low": ordered[half - 2], "high": ordered[half + 2]}


if __name__ == "__main__":
    main()
