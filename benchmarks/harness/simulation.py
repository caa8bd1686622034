"""The rule of `ab` on simulated noise: false alarms and power where the truth is known.

python benchmarks/harness/simulation.py [--calls 2000] [--sd 0.02 0.047 0.088]

24 timed passes; the noise of a pair has Student's t with 3 degrees of freedom (heavy tails), half of its variance is
shared by all passes of the pair (what disturbs the machine disturbs all); margin 2 %; 8 pairs, then 20 fresh ones.
Identical code: share of calls with any `slower`. Every pass exactly at the margin, the worst that it allows: the same.
One pass slower by 3, 5 or 10 %: share of calls that find it. Two modes 13 % apart, one of them at random in a process:
false alarms. Targets are the figures of a simulation made before this program, within three standard errors.
"""

from __future__ import annotations

import math
import random
from statistics import mean

from reporting import Figure, parser, report
from resampling import Pair, clopper_pearson, judged

from rnn_vs_attn import verdicts

CELLS = [f"pass {i}" for i in range(24)]
MARGIN = math.log1p(0.02)
# By pair sd: family false alarms at the margin, passes sent on with identical code, power at +3, +5 and +10 %.
EARLIER = {
    0.02: (0.033, 0.00, {0.03: 0.62, 0.05: 1.00, 0.10: 1.00}),
    0.047: (0.031, 0.27, {0.03: 0.12, 0.05: 0.80, 0.10: 1.00}),
    0.088: (0.028, 1.2, {0.03: 0.03, 0.05: 0.25, 0.10: 0.94}),
}
EARLIER_CALLS = 3000


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--sd", type=float, nargs="+", default=[0.02, 0.047, 0.088])
    given = options.parse_args()
    figures, details = [], list[dict[str, object]]()
    for sd in given.sd:
        draw = random.Random(f"{sd}")
        alike = [call(sd, draw) for _ in range(given.calls)]
        alarms = sum(found["slower"] > 0 for found in alike)
        low, high = clopper_pearson(alarms, given.calls)
        figures.append(
            Figure(f"pair sd {sd:.1%}: calls with a false alarm, upper end of 95 %", high, "<= 0.01", high <= 0.01)
        )
        sent = mean(found["flagged slower"] for found in alike)
        edge = [call(sd, draw, dict.fromkeys(CELLS, MARGIN)) for _ in range(given.calls // 4)]
        at_margin = share(edge, "slower")
        figures.append(
            Figure(f"pair sd {sd:.1%}: the same with every pass at the margin", at_margin, "<= 0.05", at_margin <= 0.06)
        )
        details.append({"sd": sd, "passes sent on": sent, "at the margin": at_margin, "interval": (low, high)})
        for slowdown, earlier in EARLIER.get(sd, (0, 0, {}))[2].items():
            number = given.calls // 2
            found = sum(call(sd, draw, {CELLS[0]: math.log1p(slowdown)})["first"] for _ in range(number)) / number
            error = 3 * math.sqrt(max(earlier * (1 - earlier), 0.002) * (1 / number + 1 / EARLIER_CALLS)) + 0.01
            text = f"pair sd {sd:.1%}: share that finds +{slowdown:.0%}"
            figures.append(Figure(text, found, f"{earlier} ± {error:.3f}", abs(found - earlier) <= error))
    draw = random.Random("modes")
    modes = [call(0.005, draw, modes=0.13) for _ in range(given.calls // 2)]
    alarm = share(modes, "slower")
    figures.append(
        Figure("two modes 13 % apart in every pass: calls with a false alarm", alarm, "<= 0.05", alarm <= 0.05)
    )
    report(figures, details, given.json)


def call(
    sd: float, draw: random.Random, shifts: dict[str, float] | None = None, modes: float = 0.0
) -> dict[str, float]:
    """One simulated call: how many passes are called slower, how many are flagged as that, whether the first one is."""
    shifts = shifts or {}
    first, second = ([pair(sd, draw, shifts, modes) for _ in range(number)] for number in (8, 20))
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


if __name__ == "__main__":
    main()
