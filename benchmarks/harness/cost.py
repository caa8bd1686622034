"""Cheap, quick and always with an answer: what a default `bench` spends its time on, alone or beside busy loops.

python benchmarks/harness/cost.py [--busy] [--quick] [-- OPTIONS OF bench]

Shares are of the wall time of all rounds after each worker's start-up. Memory passes are measured calls too (one
forward and one training pass of a case, under an allocator that makes memory exact); the share without them is printed
beside. Targets: 85 % in measured calls, first table within a third of --max-seconds, end within it and the longest
case, six rounds, an interval on every ratio of the cases that were kept (24 of 30 at least), no claim undecided for
want of rounds, --help and --version under 0.4 s, no torch in the parent, and --dry-run within a factor of two.

--busy runs a busy loop for each usable core beside it. There a share of measured calls and seconds of --help say more
of the neighbours than of this program, and are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from alternating import seconds
from reporting import Figure, parsed, parser, report

from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.folder import read_run, read_samples
from rnn_vs_attn.records.types import ROUND_TIME, Record
from rnn_vs_attn.stats.intervals import MIN_ROUNDS
from rnn_vs_attn.suites.bench.suite import BENCH

PROGRAM = [sys.executable, "-m", "rnn_vs_attn"]
_WATCH = "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr)); "
_WATCH += "from rnn_vs_attn.cli import app; app.main()"
_LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass"
_QUICK = "--model lstm,gru,attention --seq-len 64:256 --max-seconds 45".split()
MOST_LEFT_OUT = 0.2  # of the cases


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--share", type=float, default=0.85, help="target share of measured calls")
    options.add_argument("--busy", action="store_true", help="beside a busy loop for each usable core")
    options.add_argument("bench", nargs="*", help="options of bench, after --")
    given = parsed(options)
    details: list[dict[str, Any]] = []
    words = [*(_QUICK if given.quick else []), *given.bench]
    report(figures(words, given.busy, given.share, details), details, given)


def figures(words: Sequence[str], busy: bool, share: float, details: list[dict[str, Any]]) -> Iterator[Figure]:
    if not busy:
        for word in ("--help", "--version"):
            value = start_seconds(word)
            yield Figure(f"seconds of {word}", value, "<= 0.4", value <= 0.4)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        with busy_loops(environment.usable_cores() if busy else 0):
            said = dry_run_seconds(words)
            yield from of_command([*words, "--output", str(folder)], folder, said)
        limits, spent = limits_of(folder), shares(folder)
        details.append(spent)
        yield from answers(read_run(folder).records, limits["rounds"] or MIN_ROUNDS)
        if not busy:
            measured = spent["measured"]
            yield Figure("share of wall time in measured calls", measured, f">= {share}", measured >= share)
            yield Figure("of it in warm-up and timed calls alone", spent["timed"])


def dry_run_seconds(words: Sequence[str]) -> tuple[float, float]:
    """What `--dry-run` says of the command: at least and at most."""
    done = subprocess.run(
        [*PROGRAM, "bench", *words, "--dry-run", "--json"], capture_output=True, text=True, check=True
    )
    seconds = json.loads(done.stdout)["seconds"]
    return min(seconds), max(seconds)


def of_command(options: list[str], folder: Path, said: tuple[float, float]) -> Iterator[Figure]:
    """Seconds to the first table's last row and to the end, and whether the parent imported torch.

    said: of the whole command, by `--dry-run`, at least and at most.
    """
    begun, seen, last_line = time.monotonic(), 0.0, ""
    command = [sys.executable, "-c", _WATCH, "bench", *options]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    for line in running.stderr:
        if last_line.startswith("| ") and not line.startswith("| "):  # standard error holds one table only, the first
            limit = limits_of(folder)["max_seconds"] / 3
            yield Figure("seconds until the first table of all cases", seen, f"<= {limit:g}", seen <= limit)
        seen, last_line = time.monotonic() - begun, line
    if running.wait() not in (0, 4):
        sys.exit(f"bench ended with {running.returncode}: {last_line}")
    total, most = time.monotonic() - begun, limits_of(folder)["max_seconds"] + shares(folder)["longest_case"]
    yield Figure("seconds of the whole command", total, f"<= {most:.1f}, with the longest case", total <= most)
    apart = max(said[0] / total, total / said[1])
    yield Figure("times that the command is out of what --dry-run said", apart, "<= 2", apart <= 2)
    parent_has_torch = last_line.strip() == "True"
    yield Figure("torch in the parent process", float(parent_has_torch), "0", not parent_has_torch)


def limits_of(folder: Path) -> dict[str, Any]:
    """The options of the run that say when it ends."""
    limits: dict[str, Any] = json.loads((folder / "run.json").read_text())["settings"]["limits"]
    return limits


def answers(records: Sequence[Record], wanted: int) -> Iterator[Figure]:
    """Whether the run ended with verdicts, where as many rounds were wanted as an interval takes."""
    times = [record for record in records if record.metric == "train_time"]
    rounds = next((len(record.samples) for record in records if record.metric == ROUND_TIME), 0)
    yield Figure("rounds", rounds, f">= {wanted}", rounds >= wanted)
    lost = sum(not record.ok for record in times)
    most = MOST_LEFT_OUT * len(times)
    yield Figure(f"cases without a time, of {len(times)}", lost, f"<= {most:g}", lost <= most)
    if wanted < MIN_ROUNDS:
        return
    made = BENCH.analysis.expand(records)
    ratios = [record for record in made if record.metric == "ratio"]
    wide = sum(record.low is None for record in ratios)
    yield Figure(f"ratios without an interval, of {len(ratios)}", wide, "0", wide == 0)
    claims = BENCH.analysis.claims([*records, *made])
    unsaid = sum("an interval takes" in claim.why for claim in claims)
    yield Figure("claims undecided for want of rounds", unsaid, "0", unsaid == 0)


@contextmanager
def busy_loops(number: int) -> Iterator[None]:
    """So many processes that compute for as long as this one lives."""
    loops = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def shares(folder: Path) -> dict[str, float]:
    """Parts of the rounds' wall time, start-up of workers aside, and the seconds of the longest case."""
    rounds = [line for line in read_samples(folder) if line.metric == ROUND_TIME]
    wall = sum(line.value or 0 for line in rounds)
    parts = {name: sum(line.details[name] for line in rounds) for name in ("warm_up", "timed", "memory")}
    timed = (parts["warm_up"] + parts["timed"]) / wall
    longest = max(line.details["longest_case"] for line in rounds)
    measured = timed + parts["memory"] / wall
    return {"timed": timed, "measured": measured, "rounds": len(rounds), "wall": wall, "longest_case": longest}


def start_seconds(word: str) -> float:
    """Median wall seconds of the whole process."""
    start = partial(subprocess.run, [*PROGRAM, word], stdout=subprocess.DEVNULL, check=True)
    start()
    return median(seconds(start) for _ in range(7))


if __name__ == "__main__":
    main()
