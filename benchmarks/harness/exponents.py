"""Exponents: work that grows with seq_len^1.5 by construction is measured as such, in time and in FLOPs.

python benchmarks/harness/exponents.py [--rounds 6]

A module multiplies the same two matrices seq_len^1.5 / 64 times and does next to nothing else. `rnn-vs-attn scaling`
measures it by its import path. Target: the exponents of time (forward and training) and of FLOPs within 0.05 of 1.5.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from reporting import Figure, parser, report

MODULE = Path(__file__).resolve().parent.parent.parent / "tests" / "user_modules" / "scales.py"
EXPONENT = 1.5


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=6)
    given = options.parse_args()
    found = measured(given.rounds)
    figures, details = [], list[dict[str, object]]()
    for record in found:
        name = f"exponent of {record['axes']['of']} in seq_len"
        met = abs(record["median"] - EXPONENT) <= 0.05
        figures.append(Figure(name, record["median"], f"{EXPONENT} +- 0.05", met))
        details.append({"what": name} | {key: record[key] for key in ("median", "low", "high", "samples")})
        print(f"{name}: {record['median']:.4f} [{record['low']}, {record['high']}]", file=sys.stderr)
    report(figures, details, given.json)


def measured(rounds: int) -> list[dict[str, object]]:
    """The exponents in seq_len that `scaling` reads out of a run of its own."""
    words = [sys.executable, "-m", "rnn_vs_attn", "scaling", "--model", f"{MODULE}:PowerOfLength"]
    words += ["--seq-len", "512:4096", "--d-model", "8", "--num-heads", "1", "--threads", "1", "--rounds", str(rounds)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*words, "--json", "--quiet", "--output", f"{folder}/run"], capture_output=True, text=True, check=True
        )
    records = json.loads(done.stdout)["records"]
    exponents = [r for r in records if r["metric"] == "exponent" and r["axes"]["in"] == "seq_len"]
    return [r for r in exponents if r["axes"]["of"] in ("forward_time", "train_time", "flops")]


if __name__ == "__main__":
    main()
