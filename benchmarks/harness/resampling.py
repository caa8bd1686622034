"""What the programs about verdicts share: stored calls of `ab`, its rule on resampled pairs, exact intervals."""

from __future__ import annotations

import json
import math
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnn_vs_attn.ab.runner import PairLimits
from rnn_vs_attn.compare import verdicts

Pair = dict[str, float]  # of every timed pass its log(candidate / baseline)
Interval = tuple[float, float]
PAIRS = PairLimits()  # what a call of `ab` takes by default
FEW_PAIRS = ("--screen", "5", "--confirm", "5")  # of a call of `ab` with --quick


def stored_call(folder: Path, words: Sequence[str], cwd: Path | None = None) -> dict[str, Any]:
    """The verdicts of one whole `rnn-vs-attn ab WORDS`, or those that an earlier one has left in `folder`.

    SystemExit where that was a call with other words.
    """
    stored = folder.resolve() / "verdicts.json"
    if not stored.exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "rnn_vs_attn", "ab", *words, "--output", str(stored.parent), "--quiet"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=cwd, check=False)
        if not stored.exists():
            sys.exit(f"ab ended with exit code {done.returncode} and wrote no verdicts")
    command = json.loads((stored.parent / "run.json").read_text())["command"]
    if command[2 : command.index("--output")] != list(words):
        sys.exit(f"{folder} holds another call: {shlex.join(command)}; give another --folder")
    found: dict[str, Any] = json.loads(stored.read_text())
    return found


def name_of(comparison: dict[str, Any]) -> str:
    axes = comparison["axes"]
    return f"{axes['model']} {axes['seq_len']} {comparison['metric']}"


def screened(found: dict[str, Any]) -> list[Pair]:
    """The pairs of the first stage of a call, each with the differences of all timed passes."""
    columns = {name_of(c): c["details"]["screened"] for c in found["comparisons"] if c["details"].get("screened")}
    return [{cell: values[i] for cell, values in columns.items()} for i in range(min(map(len, columns.values())))]


def judged(first: Sequence[Pair], second: Sequence[Pair], margin: float) -> dict[str, str]:
    """Verdicts of the flagged passes by the rule of `ab`: screened on `first`, decided on `second`."""
    ways = {cell: verdicts.flagged([pair[cell] for pair in first], margin) for cell in first[0]}
    fresh = {cell: [pair[cell] for pair in second] for cell, way in ways.items() if way}
    tails = verdicts.adjusted_tails(fresh, ways, dict.fromkeys(fresh, margin))
    return {cell: verdicts.confirmed(p, fresh[cell], margin, ways[cell])[0] for cell, p in tails.items()}


def resampled(pairs: Sequence[Pair], times: int, margin: float, slowdown: float = 0.0) -> tuple[float, Interval]:
    """The share of simulated calls with any `slower`, with its 95 % interval; margin, slowdown: parts, 0.03 is 3 %."""
    draw, limit, shift = random.Random(0), verdicts.margin_of(margin, "ratio"), math.log1p(slowdown)
    calls = (judged(*stages_of(pairs, draw, shift), limit) for _ in range(times))
    slower = sum(verdicts.SLOWER in found.values() for found in calls)
    return slower / times, clopper_pearson(slower, times)


def stages_of(pairs: Sequence[Pair], draw: random.Random, shift: float = 0.0) -> tuple[list[Pair], list[Pair]]:
    """Both stages of a call, drawn from pairs of identical code."""
    return drawn(pairs, PAIRS.screen, draw, shift), drawn(pairs, PAIRS.confirm, draw, shift)


def drawn(pairs: Sequence[Pair], number: int, draw: random.Random, shift: float) -> list[Pair]:
    """Whole pairs of identical code, drawn with replacement, their signs at random, `shift` added to the candidate."""
    found = []
    for pair in draw.choices(pairs, k=number):
        sign = draw.choice((-1, 1))
        found.append({cell: sign * value + shift for cell, value in pair.items()})
    return found


def clopper_pearson(hits: int, trials: int) -> Interval:
    """The exact 95 % interval of a share."""
    from scipy.stats import binomtest

    interval = binomtest(hits, trials).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)
