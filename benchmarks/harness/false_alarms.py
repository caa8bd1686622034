"""False alarms: `rnn-vs-attn ab --aa`, the same code twice, again and again, half of the calls beside a busy process.

python benchmarks/harness/false_alarms.py [--calls 20] [--folder results/false-alarms] [--resamples 2000] [--quick]

12 cases (six models at two lengths), forward and training pass: 24 timed passes a call. What is there already in the
folder is kept, so the program can be stopped and goes on. Target: no call says `slower`. So few calls bound the rate at
14 % only; the rest comes from resampling the stored pairs (whole pairs, so that what disturbs all cases at once stays
together; their signs at random, for the two sides are the same code): at most 1 % of such calls have any `slower`, by
the upper end of the Clopper-Pearson interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, stdev
from typing import Any

from cost import busy_loops
from reporting import Figure, parsed, parser, report
from resampling import FEW_PAIRS, clopper_pearson, resampled, screened, stored_call

CASES = "--model rnn,gru,lstm,lstm-cell,attention,attention-naive --seq-len 64,128 --d-model 64".split()
FEW_CASES = [*"--model lstm,attention --seq-len 64 --d-model 64".split(), *FEW_PAIRS]


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--calls", type=int, default=20)
    options.add_argument("--folder", type=Path, default=Path("results/false-alarms"))
    options.add_argument("--resamples", type=int, default=2000)
    given = parsed(options, calls=2, folder=Path("results/false-alarms-quick"), resamples=200)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    calls = []
    for n in range(given.calls):
        folder, busy = given.folder / f"call-{n:02}", n % 2 == 1
        calls.append(call(folder, FEW_CASES if given.quick else CASES, busy, seed=n))
        slower = calls[-1]["counts"].get("slower", 0)
        where = ", beside a busy process" * busy
        yield Figure(f"{folder.name}{where}: passes that are `slower`", slower, "0", slower == 0)
    alarms = sum(bool(found["counts"].get("slower")) for found in calls)
    low, high = clopper_pearson(alarms, len(calls))
    text = f"calls of {len(calls)} with any `slower`"
    yield Figure(text, alarms, "0", alarms == 0, f"(95 %: {low:.3f} to {high:.3f})")
    for name, some in (("quiet", calls[::2]), ("beside a busy process", calls[1::2])):
        if pairs := [pair for found in some for pair in screened(found)]:
            share, ends = resampled(pairs, given.resamples, calls[0]["margin"])
            spread = median(stdev(pair[cell] for pair in pairs) for cell in pairs[0])
            details.append({"what": name, "pairs": len(pairs), "sd": spread, "share": share, "interval": ends})
            text = f"share of {given.resamples} resampled calls with any `slower`, {name}, upper end"
            yield Figure(text, ends[1], "<= 0.01", ends[1] <= 0.01, f"(pair sd {spread:.1%})")
    for what, flagged in (("nothing", False), ("something", True)):
        if seconds := [found["seconds"] for found in calls if bool(found["flagged"]) == flagged]:
            details.append(
                {"what": f"seconds of a call that flags {what}", "median": median(seconds), "of": len(seconds)}
            )
            yield Figure(f"seconds of a call that flags {what}, median of {len(seconds)}", median(seconds))


def call(folder: Path, words: Sequence[str], busy: bool, seed: int) -> dict[str, Any]:
    """One whole call of `ab`, or what an earlier one has left."""
    with busy_loops(1 if busy and not (folder / "verdicts.json").exists() else 0):
        return stored_call(folder, ["--aa", *words, "--seed", str(seed)])


if __name__ == "__main__":
    main()
