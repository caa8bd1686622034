"""Where levels change in simulated series of runs: false alarms, steps found and how far off, for each method.

python benchmarks/harness/change_points.py [--series 400] [--otava .venv-otava/bin/python] [--quick]

A series is 8 to 60 medians of runs, on the scale of logarithms, with noise of 1, 2 or 4 % from run to run: normal;
Student's t with 3 degrees of freedom; one day in ten slower by four times the noise, as an exponential; a drift of up
to 1.5 % from the first run to the last; and one that wanders (half of its variance a chain, 0.8 of which is kept from
run to run). Steps of 3, 5 and 10 % up or down at a random place, five runs from either end or more, and two of them,
up and down again. A step is found where a mark is three runs away at most.

Methods: ruptures' PELT with squares and a penalty of 2 log n; its kernel change points at a penalty of 2; Apache
Otava's e-divisive at its own limit of .001 and at .05 (in an environment of its own, left out where there is none);
and what `history` does with one series, changes below 2 % left out and not. Targets are for `history`: false alarms
in 5 % of series at most where runs do not follow each other; the same over a whole run of 24 series, half of whose
noise is that of the day; of its marks where 8 of the 24 have a step of 10 %, 5 % wrong at most; and the step that it
says it would have marked is marked four times in five. Each upper or lower end is that of a 95 % interval.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from reporting import Figure, parsed, parser, report
from resampling import clopper_pearson
from simulation import student

from rnn_vs_attn.stats import change_points

NOISES, STEPS, SDS = (
    ("normal", "heavy tails", "slow days", "drift", "wandering"),
    (0.03, 0.05, 0.10),
    (0.01, 0.02, 0.04),
)
ALPHA, SMALLEST, NEAR, TESTS = 0.05, math.log1p(0.02), 3, 24
OURS, OURS_ALL = "history", "history, changes below 2 % too"
OTAVA = """
import json, sys
from otava.analysis import compute_change_points
for line in sys.stdin:
    series, limit = json.loads(line)
    print(json.dumps([int(change.index) for change in compute_change_points(series, max_pvalue=limit)[0]]))
"""
Series = list[float]
Method = Callable[[Sequence[Series]], list[list[int]]]


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--series", type=int, default=400, help="of each kind")
    options.add_argument("--otava", type=Path, default=Path(".venv-otava/bin/python"))
    given = parsed(options, series=20)
    details: list[dict[str, Any]] = []
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for name, method in methods(given.otava).items():
        yield from alarms(name, method, given.series, details)
        yield from power(name, method, given.series, details)
    yield from whole_runs(given.series)
    yield from promised(given.series)


# One series


def alarms(name: str, method: Method, number: int, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for noise in NOISES:
        found = []
        for sd in SDS:
            draw = random.Random(f"alarms {noise} {sd}")
            marked = [
                bool(places) for places in method([noisy(noise, draw.randint(8, 60), sd, draw) for _ in range(number)])
            ]
            details.append({"method": name, "noise": noise, "sd": sd, "false alarms": mean(marked)})
            found += marked
        low, high = clopper_pearson(sum(found), len(found))
        held = at_most(low) if name == OURS and noise != "wandering" else ()
        yield Figure(
            f"{name}: series with a false alarm, {noise}", mean(found), *held, beside=f"[{low:.3f}, {high:.3f}]"
        )


def power(name: str, method: Method, number: int, details: list[dict[str, Any]]) -> Iterator[Figure]:
    for steps in (1, 2):
        for step in STEPS:
            hits, away = list[bool](), list[int]()
            for sd in SDS:
                series, places = planted(step, steps, sd, number)
                found = method(series)
                nearest = [
                    [min((abs(m - p) for m in marks), default=99) for p in true]
                    for marks, true in zip(found, places, strict=True)
                ]
                of_sd = [gap <= NEAR for gaps in nearest for gap in gaps]
                hits += of_sd
                away += [gap for gaps in nearest for gap in gaps if gap <= NEAR]
                details.append({"method": name, "steps": steps, "step": step, "sd": sd, "found": mean(of_sd)})
            text = f"{name}: {'one step' if steps == 1 else 'up and down'} of {step:.0%}, found"
            yield Figure(text, mean(hits), beside=f"({mean(away):.2f} runs away)" if away else "")


def planted(step: float, steps: int, sd: float, number: int) -> tuple[list[Series], list[list[int]]]:
    """Series with normal noise and slow days, half of each, and where their levels change."""
    draw, made, places = random.Random(f"power {steps} {step} {sd}"), list[Series](), list[list[int]]()
    for i in range(number):
        size = draw.randint(12 if steps == 1 else 24, 60)
        at = (
            [draw.randint(5, size - 5)]
            if steps == 1
            else [draw.randint(6, size // 2 - 3), draw.randint(size // 2 + 3, size - 6)]
        )
        sign, (begin, end) = draw.choice((-1, 1)), (at[0], at[1] if steps == 2 else size)
        values = noisy(("normal", "slow days")[i % 2], size, sd, draw)
        made.append([v + sign * math.log1p(step) * (begin <= n < end) for n, v in enumerate(values)])
        places.append(at)
    return made, places


def noisy(noise: str, size: int, sd: float, draw: random.Random) -> Series:
    """Logarithms of medians, run by run."""
    if noise == "heavy tails":
        return [sd * student(draw) / math.sqrt(3) for _ in range(size)]
    plain = [draw.gauss(0, sd) for _ in range(size)]
    if noise == "slow days":
        return [v + draw.expovariate(1 / (4 * sd)) * (draw.random() < 0.1) for v in plain]
    if noise == "drift":
        slope = draw.uniform(-0.015, 0.015) / (size - 1)
        return [v + slope * n for n, v in enumerate(plain)]
    if noise == "wandering":
        chain = [draw.gauss(0, 1)]
        for _ in range(size - 1):
            chain.append(0.8 * chain[-1] + 0.6 * draw.gauss(0, 1))
        return [(v + sd * of_chain) / math.sqrt(2) for v, of_chain in zip(plain, chain, strict=True)]
    return plain


# Methods


def methods(otava: Path) -> dict[str, Method]:
    found: dict[str, Method] = {
        OURS: partial(ours, smallest=SMALLEST),
        OURS_ALL: partial(ours, smallest=0.0),
        "ruptures, PELT, squares": lambda every: [pelt(series) for series in every],
        "ruptures, kernel": lambda every: [kernel(series) for series in every],
    }
    if otava.exists():
        found |= {f"Otava, p {limit:g}": partial(e_divisive, python=otava, limit=limit) for limit in (0.001, 0.05)}
    return found


def ours(every: Sequence[Series], smallest: float) -> list[list[int]]:
    """Each series by itself."""
    return [list(change_points.changes([change_points.divisions(s, smallest)], ALPHA)[0][0]) for s in every]


def pelt(series: Series) -> list[int]:
    import ruptures

    noise = median(abs(b - a) for a, b in itertools.pairwise(series)) / 0.954  # that of a difference, normal
    scaled = np.asarray(series).reshape(-1, 1) / noise
    found = ruptures.Pelt(model="l2", min_size=change_points.LEAST, jump=1).fit(scaled)
    return [int(place) for place in found.predict(pen=2 * math.log(len(series)))[:-1]]


def kernel(series: Series) -> list[int]:
    import ruptures

    found = ruptures.KernelCPD(kernel="rbf", min_size=change_points.LEAST).fit(np.asarray(series).reshape(-1, 1))
    return [int(place) for place in found.predict(pen=2)[:-1]]


def e_divisive(every: Sequence[Series], python: Path, limit: float) -> list[list[int]]:
    """Otava's; it takes no logarithms."""
    lines = "".join(json.dumps([[math.exp(v) for v in series], limit]) + "\n" for series in every)
    done = subprocess.run([python, "-c", OTAVA], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# What history says of a whole run


def whole_runs(number: int) -> Iterator[Figure]:
    """24 series at once, half of whose variance is that of the day."""
    draw, alarmed, wrong, hits = random.Random("whole runs"), 0, list[float](), list[bool]()
    for _ in range(number):
        size = draw.randint(12, 60)
        at, day = draw.randint(5, size - 5), noisy("slow days", size, 0.02, draw)
        own = [noisy("normal", size, 0.02, draw) for _ in range(TESTS)]
        every = [[(a + b) / math.sqrt(2) for a, b in zip(day, of_series, strict=True)] for of_series in own]
        alarmed += any(places for places, _ in judged(every))
        stepped = [[v + math.log1p(0.10) * (i < 8 and n >= at) for n, v in enumerate(s)] for i, s in enumerate(every)]
        found = [
            [abs(place - at) <= NEAR and i < 8 for place in places] for i, (places, _) in enumerate(judged(stepped))
        ]
        marks = [near for of_series in found for near in of_series]
        wrong.append(marks.count(False) / max(len(marks), 1))
        hits += [any(of_series) for of_series in found[:8]]
    low, high = clopper_pearson(alarmed, number)
    text = f"history, runs of {TESTS} unchanged series with any mark"
    yield Figure(text, alarmed / number, *at_most(low), beside=f"[{low:.3f}, {high:.3f}]")
    error = 1.96 * stdev(wrong) / math.sqrt(number)
    ends = mean(wrong) - error, mean(wrong) + error
    text = "history, 8 of 24 changed by 10 %: part of a run's marks that is wrong"
    yield Figure(text, mean(wrong), *at_most(ends[0]), beside=f"[{ends[0]:.3f}, {ends[1]:.3f}]")
    yield Figure("history, 8 of 24 changed by 10 %: changes found", mean(hits))


def at_most(low: float) -> tuple[str, bool]:
    """The target of a rate of errors, and whether its interval reaches down to it."""
    return f"<= {ALPHA:g} at the lower end", low <= ALPHA


def judged(every: Sequence[Series]) -> list[tuple[tuple[int, ...], float]]:
    return change_points.changes([change_points.divisions(series, SMALLEST) for series in every], ALPHA)


def promised(number: int) -> Iterator[Figure]:
    """The step halfway that it says it would have marked, normal noise."""
    draw = random.Random("promised")
    for size in (10, 20, 40):
        step = change_points.visible(size, ALPHA)
        assert step is not None
        steps = [step * (n >= size // 2) for n in range(size)]
        every = [[a + b for a, b in zip(noisy("normal", size, 1, draw), steps, strict=True)] for _ in range(number)]
        hits = sum(map(bool, ours(every, 0.0)))
        high = clopper_pearson(hits, number)[1]
        text = f"history, {size} runs: the step of {step:g} standard deviations that it promises, marked"
        yield Figure(text, hits / number, ">= 0.8 at the upper end", high >= 0.8)
    for size, spread in itertools.product((14, 20, 30), (0.002, 0.006, 0.01)):  # whose step is near the margin
        step = change_points.promised(size, ALPHA, spread, SMALLEST)
        assert step is not None
        steps = [step * (n >= size // 2) for n in range(size)]
        every = [
            [a + b for a, b in zip(noisy("normal", size, spread, draw), steps, strict=True)] for _ in range(number)
        ]
        hits = sum(map(bool, ours(every, SMALLEST)))
        high = clopper_pearson(hits, number)[1]
        text = f"history, {size} runs, noise {spread:.1%}: the step of {step:.2%} that it promises, marked"
        yield Figure(text, hits / number, ">= 0.8 at the upper end", high >= 0.8)


if __name__ == "__main__":
    main()
