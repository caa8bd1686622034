"""Exponents: work that grows with seq_len^1.5 by construction is measured as such, in time and in FLOPs.

python benchmarks/harness/exponents.py [--rounds 6] [--quick]

A module multiplies the same two matrices seq_len^1.5 / 64 times and does next to nothing else. `rnn-vs-attn scaling`
measures it by its import path; all exponents are there at its end, and its own progress shows meanwhile. Target: the
exponents of time (forward and training) and of FLOPs within 0.05 of 1.5.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reporting import Figure, interval, parsed, parser, report

from rnn_vs_attn.stats import intervals

MODULE = Path(__file__).resolve().parent.parent.parent / "tests" / "user_modules" / "scales.py"
EXPONENT = 1.5


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--seq-len", default="512:4096")
    given = parsed(options, rounds=2, seq_len="256:1024")
    details: list[dict[str, object]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, object]]) -> Iterator[Figure]:
    for record in measured(given.rounds, given.seq_len):
        name = f"exponent of {record['axes']['of']} in seq_len"
        details.append({"what": name} | {key: record[key] for key in ("median", "low", "high", "samples")})
        found = intervals.Estimate(record["median"], record["low"], record["high"], len(record["samples"]))
        yield Figure(name, found.median, f"{EXPONENT} ± 0.05", abs(found.median - EXPONENT) <= 0.05, interval(found))


def measured(rounds: int, seq_len: str) -> list[dict[str, Any]]:
    """The exponents in seq_len that `scaling` reads out of a run of its own."""
    words = [sys.executable, "-m", "rnn_vs_attn", "scaling", "--model", f"{MODULE}:PowerOfLength", "--seq-len", seq_len]
    words += ["--d-model", "8", "--num-heads", "1", "--threads", "1", "--rounds", str(rounds), "--json"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*words, "--output", f"{folder}/run"], stdout=subprocess.PIPE, text=True, check=True)
    records = json.loads(done.stdout)["records"]
    exponents = [r for r in records if r["metric"] == "exponent" and r["axes"]["in"] == "seq_len"]
    return [r for r in exponents if r["axes"]["of"] in ("forward_time", "train_time", "flops")]


if __name__ == "__main__":
    main()
