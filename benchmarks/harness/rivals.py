"""Other tools' rules and ours on the same recorded samples: false alarms and power side by side.

python benchmarks/harness/rivals.py [--folder results/false-alarms] [--quick]

The samples are those of `false_alarms.py`: identical code in pairs of processes, whose blocks were taken in turn, which
is kinder to the others than their own use (one process after the other). A call of theirs is one process on each side,
with all timed passes; ours is 8 pairs and 20 fresh ones, drawn from all of them. Slowdowns are multiplied into the
candidate's times. Rules: a plain 5 % of medians; pytest-benchmark's --benchmark-compare-fail=min:5%; benchstat's U test
at .05; asv continuous (U test at .002 and 10 %).
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from reporting import Figure, parsed, parser, report
from resampling import PAIRS, Pair, judged, stages_of

from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.records.folder import read_samples
from rnn_vs_attn.report.tables import Table

Blocks = tuple[list[float], list[float]]  # of the baseline and of the candidate, seconds
SLOWDOWNS = (0.0, 0.05, 0.10)
OURS = f"rnn-vs-attn ab, margin {100 * PAIRS.margin:g} %"


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--folder", type=Path, default=Path("results/false-alarms"))
    options.add_argument("--resamples", type=int, default=1000, help="calls of ours, drawn from all pairs")
    given = parsed(options, folder=Path("results/false-alarms-quick"), resamples=100)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    calls = [call for folder in sorted(given.folder.glob("call-*")) for call in pairs_in(folder)]
    if not calls:
        raise SystemExit(f"{given.folder} holds no calls; run false_alarms.py{' --quick' * given.quick} first")
    a_call = f"false alarms, a call of {len(calls[0])}"
    header = ["rule", "false alarms, a pass", a_call, "finds +5 %", "finds +10 %"]
    rules: dict[str, Callable[[], list[float]]] = {name: partial(rates, rule, calls) for name, rule in RULES.items()}
    rules[OURS] = lambda: ours(calls, given.resamples)
    for name, of_rule in rules.items():
        found = of_rule()
        details.append(dict(zip(header, (name, *found), strict=True)))
        for what, value in zip(header[1:], found, strict=True):
            judged_by = ("<= 0.01", value <= 0.01) if name == OURS and what == a_call else ()
            yield Figure(f"{name}: {what}", value, *judged_by)
    if not given.json:
        cells = [[row["rule"], *(f"{row[what]:.1%}" for what in header[1:])] for row in details]
        print(Table(f"{len(calls)} pairs of processes", header, cells, []).markdown())


def pairs_in(folder: Path) -> list[dict[str, Blocks]]:
    """Of every pair of the first stage the blocks of every timed pass."""
    settings = json.loads((folder / "run.json").read_text())["settings"]
    found: list[dict[str, dict[str, list[float]]]] = [{} for _ in range(settings["limits"]["screen"])]
    for line in read_samples(folder):
        if line.metric in ("forward_time", "train_time") and line.details.get("stage") == 1:
            name = f"{line.axes['model']} {line.axes['seq_len']} {line.metric}"
            found[line.round].setdefault(name, {})[str(line.axes["side"])] = line.blocks
    return [{name: (sides["baseline"], sides["candidate"]) for name, sides in pair.items()} for pair in found]


def plain(baseline: Sequence[float], candidate: Sequence[float]) -> bool:
    return median(candidate) > 1.05 * median(baseline)


def pytest_benchmark(baseline: Sequence[float], candidate: Sequence[float]) -> bool:
    return min(candidate) > 1.05 * min(baseline)


def benchstat(baseline: Sequence[float], candidate: Sequence[float]) -> bool:
    return median(candidate) > median(baseline) and u_test(baseline, candidate) < 0.05


def asv(baseline: Sequence[float], candidate: Sequence[float]) -> bool:
    return median(candidate) > 1.1 * median(baseline) and u_test(baseline, candidate) < 0.002


def u_test(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(baseline, candidate).pvalue)


RULES: dict[str, Callable[[Sequence[float], Sequence[float]], bool]] = {
    "plain 5 % of medians": plain,
    "pytest-benchmark, min:5%": pytest_benchmark,
    "benchstat, U .05": benchstat,
    "asv continuous, U .002 and 10 %": asv,
}


def rates(rule: Callable[[Sequence[float], Sequence[float]], bool], calls: Sequence[dict[str, Blocks]]) -> list[float]:
    """False alarms a pass and a call, then the share of slowed passes that are found."""
    found = {s: [[rule(b, [v * (1 + s) for v in c]) for b, c in call.values()] for call in calls] for s in SLOWDOWNS}
    alone = [hit for call in found[0.0] for hit in call]
    powers = [mean_of([hit for call in found[s] for hit in call]) for s in SLOWDOWNS[1:]]
    return [mean_of(alone), mean_of([any(call) for call in found[0.0]]), *powers]


def ours(calls: Sequence[dict[str, Blocks]], resamples: int) -> list[float]:
    """The same of the rule of `ab` on resampled pairs."""
    pairs: list[Pair] = [{name: difference(*blocks) for name, blocks in call.items()} for call in calls]
    draw, margin = random.Random(0), verdicts.margin_of(PAIRS.margin, "ratio")
    alarms, hits = [], dict.fromkeys(SLOWDOWNS[1:], 0)
    for _ in range(resamples):
        first, second = stages_of(pairs, draw)
        found = judged(first, second, margin)
        alarms.append(sum(verdict == verdicts.SLOWER for verdict in found.values()))
        slowed = draw.choice(list(pairs[0]))
        for share in hits:
            moved = [[pair | {slowed: pair[slowed] + math.log1p(share)} for pair in some] for some in (first, second)]
            hits[share] += judged(moved[0], moved[1], margin).get(slowed) == verdicts.SLOWER
    number = len(pairs[0])
    found_slowed = [n / resamples for n in hits.values()]
    return [mean_of(alarms) / number, mean_of([a > 0 for a in alarms]), *found_slowed]


def difference(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    return median(math.log(c / b) for c, b in zip(candidate, baseline, strict=True))


def mean_of(hits: Sequence[float]) -> float:
    return sum(hits) / len(hits)


if __name__ == "__main__":
    main()
