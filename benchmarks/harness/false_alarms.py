"""False alarms: `rnn-vs-attn ab --aa`, the same code twice, again and again, half of the calls beside a busy process.

python benchmarks/harness/false_alarms.py [--calls 20] [--folder results/false-alarms] [--resamples 2000]

12 cases (six models at two lengths), forward and training pass: 24 timed passes a call. What is there already in the
folder is kept, so the program can be stopped and goes on. Target: no call says `slower`. So few calls bound the rate at
14 % only; the rest comes from resampling the stored pairs (whole pairs, so that what disturbs all cases at once stays
together; their signs at random, for the two sides are the same code): at most 1 % of such calls have any `slower`, by
the upper end of the Clopper-Pearson interval.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median, stdev
from typing import Any

from reporting import Figure, parser, report
from resampling import Pair, clopper_pearson, drawn, judged, screened, stored_call

from rnn_vs_attn import verdicts

CASES = "--model rnn,gru,lstm,lstm-cell,attention,attention-naive --seq-len 64,128 --d-model 64"
BUSY = "while True: pass"


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--calls", type=int, default=20)
    options.add_argument("--folder", type=Path, default=Path("results/false-alarms"))
    options.add_argument("--resamples", type=int, default=2000)
    given = options.parse_args()
    calls = [call(given.folder / f"call-{n:02}", busy=n % 2 == 1, seed=n) for n in range(given.calls)]
    alarms = sum(bool(found["counts"].get("slower")) for found in calls)
    low, high = clopper_pearson(alarms, len(calls))
    text = f"calls of {len(calls)} with any `slower` (95 %: {low:.3f} to {high:.3f})"
    figures = [Figure(text, alarms, "0", alarms == 0)]
    details: list[dict[str, object]] = []
    for name, some in (("quiet", calls[::2]), ("beside a busy process", calls[1::2])):
        pairs = [pair for found in some for pair in screened(found)]
        share, interval = resampled(pairs, given.resamples, calls[0]["margin"])
        spread = median(stdev(pair[cell] for pair in pairs) for cell in pairs[0])
        text = f"share of {given.resamples} resampled calls with any `slower`, {name} (pair sd {spread:.1%}), upper end"
        figures.append(Figure(text, interval[1], "<= 0.01", interval[1] <= 0.01))
        details.append({"what": name, "pairs": len(pairs), "sd": spread, "share": share, "interval": interval})
    for what, some in (("nothing", [f for f in calls if not f["flagged"]]), ("something", calls)):
        seconds = [found["seconds"] for found in some if bool(found["flagged"]) == (what == "something")]
        if seconds:
            details.append(
                {"what": f"seconds of a call that flags {what}", "median": median(seconds), "of": len(seconds)}
            )
    report(figures, details, given.json)


def call(folder: Path, busy: bool, seed: int) -> dict[str, Any]:
    """One whole call of `ab`, or what an earlier one has left."""
    beside = None
    if busy and not (folder / "verdicts.json").exists():
        beside = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return stored_call(folder, ["--aa", *CASES.split(), "--seed", str(seed)])
    finally:
        if beside is not None:
            beside.kill()


def resampled(pairs: Sequence[Pair], times: int, margin: float) -> tuple[float, tuple[float, float]]:
    """The share of simulated calls with any `slower`, with its 95 % interval."""
    draw, limit = random.Random(0), verdicts.margin_of(margin, "ratio")
    alarms = 0
    for _ in range(times):
        found = judged(drawn(pairs, 8, draw), drawn(pairs, 20, draw), limit)
        alarms += verdicts.SLOWER in found.values()
    return alarms / times, clopper_pearson(alarms, times)


if __name__ == "__main__":
    main()
