"""Faults of one case cost that case only: out of memory, and an assertion that ends the context.

python benchmarks/cuda/faults.py [--device cuda] [--quick]

`bench` of a layer that fails beside layers that do not, as a user would type it. Targets: the failing layer's rows say
what it was and every other row has its numbers.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))
from on_device import existing
from reporting import Figure, holds, parsed, parser, report

MODULES = Path(__file__).with_name("faulty_modules.py")
OTHERS = ("attention", "lstm")
SHORT = "--rounds 1 --warm-up 0.05 --block-seconds 0.003 --min-blocks 2 --case-seconds 0.02 --quiet --json".split()
STATUS = {"Hog": "out_of_memory", "Asserts": "failed"}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it took too long"))  # so that `bench` is ended too
    options = parser(__doc__ or "")
    options.add_argument("--device", type=existing, default="cuda")
    options.add_argument("--seq-len", type=int, nargs="+", default=[512, 1024])
    given = parsed(options, seq_len=[16])
    report(figures(given), [], given)


def figures(given: argparse.Namespace) -> Iterator[Figure]:
    for name, status in STATUS.items():
        layer = f"{MODULES}:{name}"
        found = rows(given, [OTHERS[0], layer, OTHERS[1]])
        for seq_len in given.seq_len:
            for model, wanted in {layer: status, **dict.fromkeys(OTHERS, "ok")}.items():
                said = found[model, seq_len]
                text = f"{name}, seq_len {seq_len}" if model == layer else f"{model}, seq_len {seq_len}, beside {name}"
                yield holds(f"{text}: is {wanted}", said == wanted, said)


def rows(given: argparse.Namespace, models: list[str]) -> dict[tuple[str, int], str]:
    """The status of the training time of each model and length."""
    command = [sys.executable, "-m", "rnn_vs_attn", "bench", "--device", given.device, *SHORT]
    command += ["--model", ",".join(models), "--seq-len", ",".join(map(str, given.seq_len))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if not done.stdout:
        sys.exit(f"bench exits {done.returncode}: {done.stderr.strip()}")
    records = json.loads(done.stdout)["records"]
    return {(r["axes"]["model"], r["axes"]["seq_len"]): r["status"] for r in records if r["metric"] == "train_time"}


if __name__ == "__main__":
    main()
