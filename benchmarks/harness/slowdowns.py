"""Power: a layer that repeats a part of its inner work, found by whole calls of `rnn-vs-attn ab` with margin 2 %.

python benchmarks/harness/slowdowns.py [--calls 20] [--folder results/slowdowns] [--resamples 2000] [--quick]

A repository is made with one layer under three names, twenty equal steps each; the second commit repeats one step of
`Plus5` (+5 %), two of `Plus10` (+10 %) and none of `Same`, with equal outputs. What is there already in the folder is
kept. Targets, where the standard deviation of pairs is under 5 %: +10 % found in 19 of 20 calls, +5 % in 16; the same
from resamples of the pairs of `Same`; and `Same` is never `slower`. Beside them what `ab --aa` said it could find.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, stdev
from typing import Any

from git_calls import AUTHOR, git
from reporting import Figure, parsed, parser, report
from resampling import FEW_PAIRS, Pair, resampled, screened, stored_call

from rnn_vs_attn.compare import verdicts

LAYER = """
import torch
from torch import nn

EXTRA = {"Same": 0, "Plus5": 0, "Plus10": 0}  # steps that are done twice


class Same(nn.Module):
    STEPS = 20

    def __init__(self, d_model):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(self.STEPS))
        twice = EXTRA[type(self).__name__]
        self.plan = [(i, 0.5) for i in range(twice)] + [(i, 0.5 if i < twice else 1.0) for i in range(self.STEPS)]

    def forward(self, x):
        y = torch.zeros_like(x)
        for i, share in self.plan:
            y = y + share * self.layers[i](x)
        return y


class Plus5(Same):
    pass


class Plus10(Same):
    pass
"""
WORDS = "--seq-len 64 --d-model 64 --pass train --margin 2% --model"
NAMES = ("Same", "Plus5", "Plus10")
SHARES = {"Plus5": 0.05, "Plus10": 0.10}
NEEDED = {"Plus5": 16 / 20, "Plus10": 19 / 20}
LOW_NOISE = 0.05


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--calls", type=int, default=20)
    options.add_argument("--folder", type=Path, default=Path("results/slowdowns"))
    options.add_argument("--resamples", type=int, default=2000)
    given = parsed(options, calls=1, folder=Path("results/slowdowns-quick"), resamples=200)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    repository = made(given.folder.resolve() / "repository")
    words = [*WORDS.split(), ",".join(f"layer:{name}" for name in NAMES), *(FEW_PAIRS if given.quick else ())]
    before = stored_call(given.folder / "aa", ["--aa", *words], repository)
    for name in NAMES:
        could = row(before, name)["detectable"]
        details.append({"what": f"--aa could see, {name}", "slowdown": could})
        if could is not None:
            yield Figure(f"slowdown that --aa says it could see, {name}", could)
    calls = []
    for n in range(given.calls):
        folder = given.folder / f"call-{n:02}"
        calls.append(stored_call(folder, ["HEAD~1", "HEAD", *words, "--seed", str(n)], repository))
        of_call = {name: verdict_of(calls[-1], name) for name in NAMES}
        alarm = of_call["Same"] == verdicts.SLOWER
        said = ", ".join(f"{name}: {verdict}" for name, verdict in of_call.items())
        yield Figure(f"{folder.name}: the unchanged layer is `slower`", float(alarm), "0", not alarm, f"({said})")
    yield from over_calls(calls, given.resamples, details)


def over_calls(calls: Sequence[dict[str, Any]], resamples: int, details: list[dict[str, Any]]) -> Iterator[Figure]:
    alarms = sum(verdict_of(found, "Same") == verdicts.SLOWER for found in calls)
    yield Figure(f"calls of {len(calls)} in which the unchanged layer is `slower`", alarms, "0", alarms == 0)
    noise = [pair for found in calls for pair in only(screened(found), "Same")]
    spread = stdev(value for pair in noise for value in pair.values())
    low_noise = spread < LOW_NOISE
    for name, share in SHARES.items():
        hits = sum(verdict_of(found, name) == verdicts.SLOWER for found in calls)
        needed = math.ceil(NEEDED[name] * len(calls))
        target = f">= {needed}" if low_noise else f">= {needed} where the pair sd is under 5 %"
        text = f"calls of {len(calls)} that find +{share:.0%} (pair sd {spread:.1%})"
        yield Figure(text, hits, target, hits >= needed if low_noise else None)
        centre = median(row(found, name)["centre"] for found in calls)
        details.append({"what": f"{name}: measured ratio, median over calls", "ratio": round(centre, 4)})
        yield Figure(f"{name}: measured ratio, median over calls", centre)
        rate, ends = resampled(noise, resamples, calls[0]["margin"], share)
        text = f"share of {resamples} resampled calls that find +{share:.0%}"
        details.append({"what": text, "share": rate, "interval": ends})
        target = f">= {NEEDED[name]}" if low_noise else f">= {NEEDED[name]} where the pair sd is under 5 %"
        yield Figure(text, rate, target, rate >= NEEDED[name] if low_noise else None, f"[{ends[0]:.4g}, {ends[1]:.4g}]")


def made(folder: Path) -> Path:
    """The repository with its two commits."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet")
        for number, extra in enumerate((0, 1)):
            counts = f'"Plus5": {extra}, "Plus10": {2 * extra}'
            (folder / "layer.py").write_text(LAYER.replace('"Plus5": 0, "Plus10": 0', counts))
            git(folder, "add", "layer.py")
            git(folder, *AUTHOR, "commit", "--quiet", "-m", str(number))
    return folder


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(
        c for c in found["comparisons"] if c["axes"]["model"] == f"layer:{name}" and c["metric"] == "train_time"
    )


def verdict_of(found: dict[str, Any], name: str) -> str:
    return str(row(found, name)["verdict"])


def only(pairs: Sequence[Pair], name: str) -> list[Pair]:
    return [{cell: value for cell, value in pair.items() if cell.startswith(f"layer:{name} ")} for pair in pairs]


if __name__ == "__main__":
    main()
