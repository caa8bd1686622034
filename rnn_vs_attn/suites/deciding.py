"""By which rules a claim is decided, and what it takes to decide one that a run left undecided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.intervals import MIN_ROUNDS, Estimate

BAND = 0.15  # around a claimed exponent


def by_side(side: str, holds: str) -> str:
    """By the side of an interval, "above", "below" or "undecided": it holds on the one named and fails on the other."""
    return UNDECIDED if side == "undecided" else HOLDS if side == holds else FAILS


def beside(result: Estimate | None, bound: float, holds: str) -> str:
    """Of a claim that a value lies on one side of a bound, "above" or "below"."""
    return by_side(intervals.side_of(result, bound), holds)


def of_exponent(claimed: float, found: Record | Estimate | None) -> str:
    """By where the interval lies beside the band around the claimed exponent."""
    if found is None or found.low is None or found.high is None:
        return UNDECIDED
    if claimed - BAND <= found.low and found.high <= claimed + BAND:
        return HOLDS
    return FAILS if found.high < claimed - BAND or found.low > claimed + BAND else UNDECIDED


def of_below_one(ratio: Record) -> str:
    """Whether a ratio is below 1, by its interval; what is exact has one without a width."""
    if ratio.low is None or ratio.high is None:
        return UNDECIDED
    if ratio.high < 1:
        return HOLDS
    return FAILS if ratio.low >= 1 else UNDECIDED


def of_above_one(ratio: Record) -> str:
    """Whether a ratio is above 1."""
    if ratio.low is None or ratio.high is None:
        return UNDECIDED
    if ratio.low > 1:
        return HOLDS
    return FAILS if ratio.high <= 1 else UNDECIDED


def of_all(verdicts: Iterable[str]) -> str:
    """Of a claim about several sizes: one of which it is not so is enough."""
    found = list(verdicts)
    if FAILS in found:
        return FAILS
    return HOLDS if found and set(found) == {HOLDS} else UNDECIDED


def decided(records: Sequence[Record], rule: Callable[[Record], str]) -> tuple[str, Record]:
    """The same by a rule for each size, and the first one that decides it."""
    verdicts = [rule(record) for record in records]
    verdict = of_all(verdicts)
    return verdict, records[verdicts.index(verdict)]


# What it takes

AN_INTERVAL = f"an interval takes {MIN_ROUNDS} rounds: --rounds {MIN_ROUNDS}, with a --max-seconds that has them"


def narrower(rounds: int) -> str:
    """What to give for a narrower interval than that of so many rounds."""
    return f"more rounds narrow the interval, such as --rounds {2 * rounds}"


def to_decide(found: Estimate | None) -> str:
    """What to give for an interval, or for a narrower one."""
    return AN_INTERVAL if found is None or found.low is None else narrower(found.rounds)


def exponent_takes(claimed: float, record: Record) -> str:
    """What to give where the interval of an exponent lies partly in the band."""
    band = "" if record.low is None else f"{claimed - BAND:g} to {claimed + BAND:g} counts as {claimed:g}; "
    return f"{band}{to_decide(record.estimate)}"
