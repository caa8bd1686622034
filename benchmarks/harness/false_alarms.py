"""False alarms: `rnn-vs-attn ab --aa`, the same code twice, again and again, half of the calls beside a busy process.

python benchmarks/harness/false_alarms.py [--calls 20] [--folder results/false-alarms] [--resamples 2000]

12 cases (six models at two lengths), forward and training pass: 24 timed passes a call. What is there already in the
folder is kept, so the program can be stopped and goes on. Target: no call says `slower`. So few calls bound the rate at
14 % only; the rest comes from resampling the stored pairs (whole pairs, so that what disturbs all cases at once stays
together; their signs at random, for the two sides are the same code): at most 1 % of such calls have any `slower`, by
the upper end of the Clopper-Pearson interval.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median, stdev

from reporting import Figure, parser, report

from rnn_vs_attn import ranks, verdicts

CASES = "--model rnn,gru,lstm,lstm-cell,attention,attention-naive --seq-len 64,128 --d-model 64"
BUSY = "while True: pass"
Pair = dict[str, float]  # of every timed pass its log(candidate / baseline)


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--calls", type=int, default=20)
    options.add_argument("--folder", type=Path, default=Path("results/false-alarms"))
    options.add_argument("--resamples", type=int, default=2000)
    given = options.parse_args()
    calls = [call(given.folder / f"call-{n:02}", busy=n % 2 == 1, seed=n) for n in range(given.calls)]
    alarms = sum(bool(found["counts"].get("slower")) for found in calls)
    low, high = clopper_pearson(alarms, len(calls))
    figures = [
        Figure(f"calls of {len(calls)} with any `slower` (95 %: {low:.3f} to {high:.3f})", alarms, "0", alarms == 0)
    ]
    details: list[dict[str, object]] = []
    for name, some in (("quiet", calls[::2]), ("beside a busy process", calls[1::2])):
        pairs = [pair for found in some for pair in pairs_of(found)]
        share, interval = resampled(pairs, given.resamples, margin=calls[0]["margin"])
        spread = median(stdev(pair[cell] for pair in pairs) for cell in pairs[0])
        text = f"resampled calls with any `slower`, {name} (pair sd {spread:.1%}; upper end of 95 %)"
        figures.append(Figure(text, interval[1], "<= 0.01", interval[1] <= 0.01))
        details.append({"what": name, "pairs": len(pairs), "sd": spread, "share": share, "interval": interval})
    seconds = [found["seconds"] for found in calls if not found["flagged"]]
    if seconds:
        details.append({"what": "seconds of a call in which nothing was flagged", "median": median(seconds)})
    report(figures, details, given.json)


def call(folder: Path, busy: bool, seed: int) -> dict:
    """One whole call of `ab`, or what an earlier one has left."""
    stored = folder / "verdicts.json"
    if not stored.exists():
        command = [sys.executable, "-m", "rnn_vs_attn", "ab", "--aa", *CASES.split(), "--seed", str(seed)]
        beside = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
        try:
            subprocess.run(["rm", "-rf", str(folder)], check=True)
            done = subprocess.run(
                [*command, "--output", str(folder), "--quiet"], stdout=subprocess.DEVNULL, check=False
            )
        finally:
            if beside is not None:
                beside.kill()
        if not stored.exists():
            sys.exit(f"ab ended with exit code {done.returncode} and wrote no verdicts")
        print(f"{folder.name}: exit {done.returncode}", file=sys.stderr, flush=True)
    return json.loads(stored.read_text())


def pairs_of(found: dict) -> list[Pair]:
    """The pairs of the first stage, each with the differences of all timed passes."""
    timed = [c for c in found["comparisons"] if c["details"].get("screened")]
    columns = {f"{c['axes']['model']} {c['axes']['seq_len']} {c['metric']}": c["details"]["screened"] for c in timed}
    return [{cell: values[i] for cell, values in columns.items()} for i in range(min(map(len, columns.values())))]


def resampled(pairs: Sequence[Pair], times: int, margin: float) -> tuple[float, tuple[float, float]]:
    """The share of simulated calls with any `slower`, with its 95 % interval."""
    draw, limit = random.Random(0), verdicts.margin_of(margin, "ratio")
    alarms = 0
    for _ in range(times):
        first, second = sample(pairs, 8, draw), sample(pairs, 20, draw)
        alarms += verdicts.SLOWER in judged(first, second, limit).values()
    return alarms / times, clopper_pearson(alarms, times)


def sample(pairs: Sequence[Pair], number: int, draw: random.Random) -> list[Pair]:
    found = []
    for pair in draw.choices(pairs, k=number):
        sign = draw.choice((-1, 1))
        found.append({cell: sign * value for cell, value in pair.items()})
    return found


def judged(first: Sequence[Pair], second: Sequence[Pair], margin: float) -> dict[str, str]:
    """Verdicts of the flagged passes by the rule of `ab`: screened on `first`, decided on `second`."""
    ways = {cell: verdicts.flagged([pair[cell] for pair in first], margin) for cell in first[0]}
    fresh = {cell: [pair[cell] for pair in second] for cell, way in ways.items() if way}
    raw = [ranks.paired_tail([d if ways[c] == "slower" else -d for d in fresh[c]], margin) for c in fresh]
    adjusted = ranks.holm(raw)
    return {c: verdicts.confirmed(p, fresh[c], margin, ways[c])[0] for c, p in zip(fresh, adjusted, strict=True)}


def clopper_pearson(hits: int, trials: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(hits, trials).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)


if __name__ == "__main__":
    main()
