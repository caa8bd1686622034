"""The rules of the program on simulated noise, where the truth is known: verdicts of `ab`, crossings of two curves.

python benchmarks/harness/simulation.py [--of ab bisect crossings] [--calls 2000] [--sd 0.02 0.047 0.088] [--quick]

`ab`: 24 timed passes; the noise of a pair has Student's t with 3 degrees of freedom (heavy tails), half of its variance
is shared by all passes of the pair (what disturbs the machine disturbs all); margin 2 %; 8 pairs, then 20 fresh ones.
Identical code: share of calls with any `slower`. Every pass exactly at the margin, the worst that it allows: the same.
One pass slower by 3, 5 or 10 %: share of calls that find it. Two modes 13 % apart, one of them at random in a process:
false alarms. Targets are the figures of a simulation made before this program, within three standard errors.

Bisect: forty commits, one of which makes a pass slower by 5 %, margin 2.5 %; each commit that is asked about is judged
on pairs of its own. How often the right commit is named alone, how often with others that were skipped, and how often a
wrong one is: at most 1 %. Beside it how often a wrong one would be if what is unsure were called good.

Crossings: two curves over five lengths from 64 to 1,024, once straight in log-log and once as a n^2 + b n against c n,
that cross at 70, 150, 300 or 900 at the slopes given; noise of each point by itself, and half of the runs with as much
again that all points of a model share in a round; 6, 9 and 12 rounds. Runs that print an interval which misses, or that
wrongly say that there is no crossing in the range: 7 % at most. Runs that answer, crossing at 300: 90 % at least where
slopes are 0.5 or more apart and points have 5 % of noise or less.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
from collections.abc import Iterator
from statistics import mean

from reporting import Figure, parsed, parser, report
from resampling import PAIRS, Pair, clopper_pearson, judged

from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.stats import crossings

CELLS = [f"pass {i}" for i in range(24)]
MARGIN = math.log1p(0.02)
# By pair sd: family false alarms at the margin, passes sent on with identical code, power at +3, +5 and +10 %.
EARLIER = {
    0.02: (0.033, 0.00, {0.03: 0.62, 0.05: 1.00, 0.10: 1.00}),
    0.047: (0.031, 0.27, {0.03: 0.12, 0.05: 0.80, 0.10: 1.00}),
    0.088: (0.028, 1.2, {0.03: 0.03, 0.05: 0.25, 0.10: 0.94}),
}
EARLIER_CALLS = 3000
COMMITS, BISECTED = 40, 0.05  # commits, and how much slower one of them makes the pass
LENGTHS = (64, 128, 256, 512, 1024)
SLOPES, NOISES = (0.1, 0.25, 0.5, 1.0), (0.02, 0.05, 0.1, 0.2)
CROSSED_AT, ROUNDS = (300, 70, 150, 900), (6, 9, 12)

Details = list[dict[str, object]]


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument(
        "--of", nargs="+", choices=["ab", "bisect", "crossings"], default=["ab", "bisect", "crossings"]
    )
    options.add_argument("--calls", type=int, default=2000, help="of `ab`")
    options.add_argument("--sd", type=float, nargs="+", default=[0.02, 0.047, 0.088])
    options.add_argument("--runs", type=int, default=60, help="of each kind of crossing")
    given = parsed(options, calls=200, runs=6)
    details = Details()
    report(figures(given, details), details, given)


def figures(given: argparse.Namespace, details: Details) -> Iterator[Figure]:
    parts = {"ab": verdicts_of_ab, "bisect": bisections, "crossings": crossings_of_curves}
    for of in given.of:
        yield from parts[of](given, details)


# Verdicts of `ab`


def verdicts_of_ab(given: argparse.Namespace, details: Details) -> Iterator[Figure]:
    for sd in given.sd:
        draw = random.Random(f"{sd}")
        alike = [call(sd, draw) for _ in range(given.calls)]
        alarms = sum(found["slower"] > 0 for found in alike)
        low, high = clopper_pearson(alarms, given.calls)
        most = max(0.01, clopper_pearson(0, given.calls)[1])
        yield Figure(
            f"pair sd {sd:.1%}: calls with a false alarm, upper end of 95 %", high, f"<= {most:.2g}", high <= most
        )
        sent = mean(found["flagged slower"] for found in alike)
        edge = [call(sd, draw, dict.fromkeys(CELLS, MARGIN)) for _ in range(given.calls // 4)]
        at_margin = share(edge, "slower")
        yield Figure(
            f"pair sd {sd:.1%}: the same with every pass at the margin",
            at_margin,
            "<= 0.06, 5 % and its error",
            at_margin <= 0.06,
        )
        details.append({"sd": sd, "passes sent on": sent, "at the margin": at_margin, "interval": (low, high)})
        for slowdown, earlier in EARLIER.get(sd, (0, 0, {}))[2].items():
            number = given.calls // 2
            found = sum(call(sd, draw, {CELLS[0]: math.log1p(slowdown)})["first"] for _ in range(number)) / number
            error = 3 * math.sqrt(max(earlier * (1 - earlier), 0.002) * (1 / number + 1 / EARLIER_CALLS)) + 0.01
            text = f"pair sd {sd:.1%}: share that finds +{slowdown:.0%}"
            yield Figure(text, found, f"{earlier} ± {error:.3f}", abs(found - earlier) <= error)
    draw = random.Random("modes")
    alarm = share([call(0.005, draw, modes=0.13) for _ in range(given.calls // 2)], "slower")
    yield Figure("two modes 13 % apart in every pass: calls with a false alarm", alarm, "<= 0.05", alarm <= 0.05)


def call(
    sd: float, draw: random.Random, shifts: dict[str, float] | None = None, modes: float = 0.0
) -> dict[str, float]:
    """One simulated call: how many passes are called slower, how many are flagged as that, whether the first one is."""
    shifts = shifts or {}
    sizes = PAIRS.screen, PAIRS.confirm
    first, second = ([pair(sd, draw, shifts, modes) for _ in range(number)] for number in sizes)
    found = judged(first, second, MARGIN)
    slower = [cell for cell, verdict in found.items() if verdict == verdicts.SLOWER]
    flagged = sum(verdicts.flagged([p[cell] for p in first], MARGIN) == verdicts.SLOWER for cell in CELLS)
    return {"slower": len(slower), "flagged slower": flagged, "first": float(CELLS[0] in slower)}


def pair(sd: float, draw: random.Random, shifts: dict[str, float], modes: float) -> Pair:
    shared = student(draw)
    scale = sd / math.sqrt(3) / math.sqrt(2)  # the variance of Student's t with 3 degrees of freedom is 3

    def apart() -> float:
        return modes * (draw.random() < 0.5) - modes * (draw.random() < 0.5)

    return {cell: scale * (shared + student(draw)) + shifts.get(cell, 0.0) + apart() for cell in CELLS}


def student(draw: random.Random) -> float:
    return draw.gauss(0, 1) / math.sqrt(draw.gammavariate(1.5, 2) / 3)


def share(found: list[dict[str, float]], what: str) -> float:
    return sum(one[what] > 0 for one in found) / len(found)


# Bisections


def bisections(given: argparse.Namespace, details: Details) -> Iterator[Figure]:
    for sd in given.sd:
        draw, number = random.Random(f"bisect {sd}"), given.calls // 2
        found = [bisected(draw, sd, skips=True) for _ in range(number)]
        wrong = found.count("wrong") / number
        yield Figure(f"pair sd {sd:.1%}: bisections that name a wrong commit", wrong, "<= 0.01", wrong <= 0.01)
        alone, among = found.count("right") / number, found.count("among others") / number
        yield Figure(f"pair sd {sd:.1%}: that name the right one alone", alone)
        yield Figure(f"pair sd {sd:.1%}: that name it with others, which were skipped", among)
        strayed = [bisected(draw, sd, skips=False) for _ in range(number)].count("wrong") / number
        yield Figure(f"pair sd {sd:.1%}: that would be wrong if what is unsure were good", strayed)
        details.append({"sd": sd, "wrong": wrong, "alone": alone, "among others": among, "unsure as good": strayed})


def bisected(draw: random.Random, sd: float, skips: bool) -> str:
    """What a bisection of COMMITS comes to, as git makes it: of those in doubt, one near the middle is asked about."""
    slowdown, good, bad, skipped = draw.randrange(1, COMMITS), 0, COMMITS - 1, set[int]()
    while left := [n for n in range(good + 1, bad) if n not in skipped]:
        asked = min(left, key=lambda n: abs(n - (good + bad) / 2))
        answer = answered(draw, sd, math.log1p(BISECTED) if asked >= slowdown else 0.0)
        if answer == verdicts.SLOWER:
            bad = asked
        elif answer == verdicts.UNSURE and skips:
            skipped.add(asked)
        else:
            good = asked
    if not good < slowdown <= bad:
        return "wrong"
    return "right" if bad - good == 1 else "among others"


def answered(draw: random.Random, sd: float, shift: float) -> str:
    """The verdict of one commit against the good one."""
    limit = math.log1p(BISECTED / 2)
    first, second = (
        [shift + sd / math.sqrt(3) * student(draw) for _ in range(n)] for n in (PAIRS.screen, PAIRS.confirm)
    )
    way = verdicts.to_settle(first, limit)
    if not way:
        return verdicts.unflagged(first, limit)[0]
    tails = verdicts.adjusted_tails({0: second}, {0: way}, {0: limit})
    return verdicts.confirmed(tails[0], second, limit, way)[0]


# Crossings of two curves


def crossings_of_curves(given: argparse.Namespace, details: Details) -> Iterator[Figure]:
    for slope, noise in itertools.product(SLOPES, NOISES):
        draw, misses, answers = random.Random(f"{slope} {noise}"), [], []
        for at, rounds, curved, shared in itertools.product(CROSSED_AT, ROUNDS, (False, True), (0.0, noise)):
            found = [planted(slope, noise, at, rounds, curved, shared, draw) for _ in range(given.runs)]
            misses += [is_wrong(one, at) for one in found]
            if at == CROSSED_AT[0] and not shared:
                answers += [one.low is not None for one in found]
        what = f"slopes {slope:g} apart, noise {noise:.0%}"
        yield Figure(f"{what}: runs that are wrong", mean(misses), "<= 0.07", mean(misses) <= 0.07)
        judged_by = (">= 0.9", mean(answers) >= 0.9) if slope >= 0.5 and noise <= 0.05 else ()
        yield Figure(f"{what}: runs that answer", mean(answers), *judged_by)
        details.append({"slopes": slope, "noise": noise, "wrong": mean(misses), "answers": mean(answers)})


def planted(
    slope: float, noise: float, at: float, rounds: int, curved: bool, shared: float, draw: random.Random
) -> crossings.Crossing:
    """What the program finds of two curves that cross at `at`, at this difference of their slopes there."""
    exact = [math.log1p(slope * (n / at - 1)) if curved else slope * math.log(n / at) for n in LENGTHS]
    ours, theirs = list[list[float]](), list[list[float]]()
    for _ in range(rounds):
        for curve, gaps in ((ours, [0.0] * len(LENGTHS)), (theirs, exact)):
            level = draw.gauss(0, shared)
            curve.append([math.exp(gap + level + draw.gauss(0, noise)) for gap in gaps])
    return crossings.crossing(LENGTHS, ours, theirs)


def is_wrong(found: crossings.Crossing, at: float) -> bool:
    """Whether its interval misses, or no crossing is said to be in the range of lengths."""
    if found.low is None or found.high is None:
        return found.everywhere is not None
    return not found.low <= at <= found.high


if __name__ == "__main__":
    main()
