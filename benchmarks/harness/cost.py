"""Cheap and quick: what a default `bench` spends its time on, when its first table stands, and how fast --help is.

python benchmarks/harness/cost.py [-- OPTIONS OF bench]

Shares are of the wall time of all rounds after each worker's start-up. Memory passes are measured calls too (one
forward and one training pass of each case, under an allocator that makes memory exact); the share without them is
printed beside. Targets: 85 % in measured calls, first table within 40 s, end within 180 s, --help and --version under
0.4 s, and no torch in the parent.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from reporting import Figure, parser, report

from rnn_vs_attn.records import ROUND_TIME, read_samples

PROGRAM = [sys.executable, "-m", "rnn_vs_attn"]
_WATCH = "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr)); "
_WATCH += "from rnn_vs_attn import cli; cli.main()"


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--share", type=float, default=0.85, help="target share of measured calls")
    options.add_argument("bench", nargs="*", help="options of bench, after --")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        first, total, parent_has_torch = run_bench([*given.bench, "--output", str(folder)])
        spent = shares(folder)
        table = (folder / "table.md").read_text()
    starts = {word: start_seconds(word) for word in ("--help", "--version")}
    marked = all("±" in line or "no interval" in table for line in table.splitlines() if line.startswith("| rnn"))
    measured, timed = spent["measured"], spent["timed"]
    figures = [
        Figure("share of wall time in measured calls", measured, f">= {given.share}", measured >= given.share),
        Figure("of it in warm-up and timed calls alone", timed, "> 0, printed beside", timed > 0),
        Figure("seconds until the first table of all cases", first, "<= 40", 0 < first <= 40),
        Figure("seconds of the whole command", total, "<= 180", total <= 180),
        Figure("cases have their interval or are marked", float(marked), "1", marked),
        Figure("torch in the parent process", float(parent_has_torch), "0", not parent_has_torch),
        *(Figure(f"seconds of {word}", value, "<= 0.4", value <= 0.4) for word, value in starts.items()),
    ]
    report(figures, [spent], given.json)


def run_bench(options: list[str]) -> tuple[float, float, bool]:
    """Seconds to the first table's last row and to the end, and whether the parent imported torch."""
    begun = time.monotonic()
    command = [sys.executable, "-c", _WATCH, "bench", *options]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    first, last_line = 0.0, ""
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("| "):  # standard error holds one table only, the first
            first = time.monotonic() - begun
        last_line = line
    running.wait()
    if running.returncode not in (0, 4):
        sys.exit(f"bench ended with {running.returncode}: {last_line}")
    return first, time.monotonic() - begun, last_line.strip() == "True"


def shares(folder: Path) -> dict[str, float]:
    """Parts of the rounds' wall time, start-up of workers aside."""
    rounds = [line for line in read_samples(folder) if line.metric == ROUND_TIME]
    wall = sum(line.value or 0 for line in rounds)
    parts = {name: sum(line.details[name] for line in rounds) for name in ("warm_up", "timed", "memory")}
    timed = (parts["warm_up"] + parts["timed"]) / wall
    return {"timed": timed, "measured": timed + parts["memory"] / wall, "rounds": len(rounds), "wall": wall}


def start_seconds(word: str) -> float:
    """Median wall seconds of the whole process."""

    def once() -> float:
        begun = time.monotonic()
        subprocess.run([*PROGRAM, word], stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun

    once()
    return median(once() for _ in range(7))


if __name__ == "__main__":
    main()
