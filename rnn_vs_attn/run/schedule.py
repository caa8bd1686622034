"""How the rounds of a run fit into its time: what is left out, how much of each case is done, what can wait.

The rounds that an interval takes come first. A case costs in a round at `least` one block of each of its passes; what
all its blocks take `more`, and what is measured `after` all times (memory, counts), are done as far as there is time.
Costs are looked at before the first round and seen again in each: a busy machine is another one every few seconds.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Self

from rnn_vs_attn.limits import PATIENCE, Limits, Plan
from rnn_vs_attn.suites.case import Case

MOST_LEFT_OUT = 5  # before the first round: one case in so many
_SPARE = 1.15  # what has to fit, and what is asked for, is so much more than what was seen
_PART = 0.95  # of its share of the time that a round plans with: the last one takes what the others overran


@dataclass(frozen=True)
class Cost:
    """Seconds of one case in one round: at least, more with all its blocks, and after all times."""

    least: float = 0.0
    more: float = 0.0
    after: float = 0.0


@dataclass(frozen=True)
class Look:
    """What a look before the run says of a case; plans: of passes whose calls are so long that each is a block."""

    cost: Cost
    plans: Mapping[str, Plan] = field(default_factory=dict)


def plans_of(looked: Mapping[Case, Look]) -> dict[tuple[Case, str], Plan]:
    """The plans of passes that a look has fixed."""
    return {(case, name): plan for case, look in looked.items() for name, plan in look.plans.items()}


@dataclass(frozen=True)
class After:
    """Cases to be measured after all times: in every round; for the first time, in this round or a later one; and once
    more, where there is time.
    """

    always: Sequence[Case] = ()
    pending: Sequence[Case] = ()
    again: Sequence[Case] = ()


class Costs:
    """What each case costs, as seen so far: of several readings the median, and of two the lower one."""

    def __init__(self, looked: Mapping[Case, Cost]) -> None:
        self._looked = looked
        self._timed = {case: [cost] for case, cost in looked.items()}
        self._after: dict[Case, list[float]] = {}

    def of(self, case: Case) -> Cost:
        timed, looked = self._timed.get(case, [Cost()]), self._looked.get(case, Cost())
        return Cost(
            least=median_low(cost.least for cost in timed),
            more=median_low(cost.more for cost in timed),
            after=median_low(self._after.get(case, [looked.after])),
        )

    def timed(self, case: Case, least: float, more: float) -> None:
        """One round has timed it."""
        self._timed.setdefault(case, []).append(Cost(least, more))

    def measured(self, case: Case, seconds: float) -> None:
        """One round has measured it after its times, which counts in place of what a look expected."""
        self._after.setdefault(case, []).append(seconds)

    def least(self, cases: Iterable[Case], rounds: int) -> float:
        """Seconds of so many rounds of the cases with one block each, and of what is yet to be measured after them."""
        costs = {case: self.of(case) for case in cases}
        return sum(rounds * cost.least + (case not in self._after) * cost.after for case, cost in costs.items())


def left_out(
    cases: Sequence[Case], costs: Costs, rounds: int, seconds: float, kept: Callable[[Case], bool], most: int
) -> list[Case]:
    """The cases, at most so many, without which `rounds` rounds of the others take no more than `seconds`.

    The dearest go first; no model loses its last case, and those that are `kept` stay.
    """
    remaining, found = list(cases), list[Case]()
    while len(found) < most and costs.least(remaining, rounds) > seconds:
        others = [c for c in remaining if not kept(c) and sum(o.model == c.model for o in remaining) > 1]
        if not others:
            break
        dearest = max(others, key=lambda case: costs.least([case], rounds))
        remaining.remove(dearest)
        found.append(dearest)
    return found


def said_of_left_out(cases: Sequence[Case], needed: int, among: Sequence[Case]) -> str:
    """Which cases are missing, and what has them. among: all cases of the run, which their settings tell them from."""
    apart, lengths = _apart(among), dict[str, set[int]]()
    for case in cases:
        told = {n: getattr(case, n) for n in apart.get(case.label, ()) if getattr(case, n) is not None}
        settings = ", ".join(f"{name} {value}" for name, value in told.items())
        lengths.setdefault(f"{case.label} ({settings})" if settings else case.label, set()).add(case.seq_len)
    names = "; ".join(f"{label} at seq_len {', '.join(map(str, sorted(found)))}" for label, found in lengths.items())
    return f"Left out for want of time: {names}. --max-seconds {needed} has {'it' if len(cases) == 1 else 'them'}."


def _apart(cases: Sequence[Case]) -> dict[str, list[str]]:
    """Of each label the fields that tell its cases of one length from each other."""
    alike: dict[str, dict[int, list[Case]]] = {}
    for case in cases:
        alike.setdefault(case.label, {}).setdefault(case.seq_len, []).append(case)
    return {
        label: [
            field.name
            for field in dataclasses.fields(cases[0])
            if any(len({getattr(case, field.name) for case in of_length}) > 1 for of_length in by_length.values())
        ]
        for label, by_length in alike.items()
    }


class Schedule:
    """The time of one run, in seconds of the runner's clock. rounds: those that come before all else."""

    def __init__(self, costs: Costs, rounds: int, begun: float, max_seconds: float, start_up: float = 0.0) -> None:
        """start_up: of a process for each round, 0 where one serves all. About twice as much goes into the end."""
        self.costs = costs
        self.ends = begun + max_seconds - 2 * start_up
        self._begun = begun
        self._rounds = rounds
        self._ending = 2 * start_up
        self._between = [start_up]  # what a round takes beside its cases
        self._slot_ends, self._reserved = math.inf, 0.0
        self._fair = math.inf, math.inf  # seconds and cases that a round measures after its times, whatever that takes

    @classmethod
    def of(cls, looked: Mapping[Case, Look], limits: Limits, begun: float, start_up: float) -> Self:
        """The time of a run of which nothing is measured yet, by a look at its cases. begun: when the command began."""
        costs = Costs({case: look.cost for case, look in looked.items()})
        return cls(costs, limits.wanted_rounds, begun, limits.max_seconds, start_up)

    def _left(self, number: int) -> int:
        """Rounds from `number` on that come before all else."""
        return max(0, self._rounds - number)

    # Before a round

    def surplus(self, number: int, now: float, cases: Sequence[Case], kept: Callable[[Case], bool]) -> list[Case]:
        """The cases that have to be left out before round `number`, so that the rounds still fit.

        None where they would not fit even so, once a round is there: what was measured is shown, and nothing is won.
        """
        left = self._left(number)
        if not left:
            return []
        most = len(cases) // MOST_LEFT_OUT if number == 0 else len(cases)
        seconds = self.ends - now - left * median_low(self._between)
        found = left_out(cases, self.costs, left, seconds / _SPARE, kept, most)
        fit = self.costs.least([case for case in cases if case not in found], left) <= seconds
        return found if fit or number == 0 else []

    def fewest(self, cases: Sequence[Case], kept: Callable[[Case], bool]) -> list[Case]:
        """What stays of the cases however little time there is."""
        gone = left_out(cases, self.costs, self._rounds, 0.0, kept, len(cases))
        return [case for case in cases if case not in gone]

    def needed(self, number: int, now: float, cases: Sequence[Case]) -> float:
        """Seconds in which the run from round `number` on would have all these cases."""
        left = max(1, self._left(number))
        rest = left * median_low(self._between) + self.costs.least(cases, left) + self._ending
        return now - self._begun + _SPARE * rest

    def begin(self, number: int, now: float, cases: Sequence[Case], after: After) -> None:
        """Give round `number` its part of the time that is left; cases: to be timed."""
        left = self._left(number)
        if not left:
            self._slot_ends, self._reserved, self._fair = math.inf, 0.0, (math.inf, math.inf)
            return
        time = self.ends - now
        a_round = median_low(self._between) + sum(self.costs.of(case).least for case in cases)
        always, first, more = (
            sum(self.costs.of(case).after for case in group) for group in (after.always, after.pending, after.again)
        )
        if a_round > 0:
            left = min(left, max(1, int((time - first) / a_round)))  # where not all of them fit, those that do
        length = time / left * (_PART if left > 1 else 1.0)
        self._slot_ends = now + length
        slack = length - a_round
        self._fair = (first / left, len(after.pending) / left) if left > 1 else (math.inf, math.inf)
        self._reserved = always + max(first / left, min(first + more, (slack - always) / 2))

    def seconds(self, now: float, cases: Sequence[Case]) -> dict[Case, float]:
        """About what each of the cases takes of the round that began now."""
        share = self.share(now, cases)
        after = sum(self.costs.of(case).after for case in cases)
        done = min(1.0, self._reserved / after) if after else 0.0
        costs = {case: self.costs.of(case) for case in cases}
        return {case: cost.least + share * cost.more + done * cost.after for case, cost in costs.items()}

    def total(self, now: float, rounds: int, cases: Sequence[Case], counted: Sequence[Case]) -> float:
        """About how long the whole command takes with so many rounds like the one that began now."""
        a_round = median_low(self._between) + sum(self.seconds(now, cases).values())
        counts = sum(self.costs.of(case).after for case in counted)
        return now - self._begun + rounds * a_round + counts + self._ending

    # Within it

    def share(self, now: float, rest: Sequence[Case]) -> float:
        """How much of what goes beyond one block there is time for, 0 to 1, with these cases still to be timed."""
        costs = [self.costs.of(case) for case in rest]
        free = self._slot_ends - now - self._reserved - sum(cost.least for cost in costs)
        more = sum(cost.more for cost in costs)
        if more <= 0 or math.isinf(free):
            return float(free >= 0)
        return min(1.0, max(0.0, free / more))

    def has_time(self, now: float, case: Case) -> bool:
        """Whether a case can be measured after the times."""
        return now + self.costs.of(case).after <= self._slot_ends

    def owes(self, spent: float, done: int) -> bool:
        """Whether a round that spent so much on cases measured for the first time has yet to do its part of them."""
        return spent < self._fair[0] or done < self._fair[1]

    def patience(self, number: int, now: float, case: Case, others: Sequence[Case]) -> float:
        """Seconds that a case may take in this round, as much as the others can do without."""
        left = self._left(number)
        if not left:
            return math.inf
        theirs = left * median_low(self._between) + self.costs.least([o for o in others if o != case], left)
        return max(PATIENCE, self.ends - now - theirs)

    # After it

    def ended(self, beside: float) -> None:
        """A round took so many seconds beside its cases."""
        self._between.append(beside)
