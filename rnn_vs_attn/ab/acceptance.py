"""Slowdowns that the user accepts until a day: they are judged like all others, and do not turn a build red.

Whether a case is slower is tested against its margin. Whether that is red is tested against at_most of its acceptance,
by the same exact test in one family with the margins of all other cases; without at_most it never is. So an acceptance
is a wider margin with a date and a reason, and the row still says when its case is back within the narrow one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rnn_vs_attn import limits
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import Cell
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.sentences import percent
from rnn_vs_attn.compare.verdicts import ACCEPTED, FASTER, SAME, SLOWER, Comparison
from rnn_vs_attn.limits import Acceptance, PairLimits
from rnn_vs_attn.suites.case import axes_of


def of_cell(pairs: Pairs, cell: Cell) -> Acceptance | None:
    """The acceptance of a timed pass, where there is one that has not run out and that speaks of slowdowns at all."""
    found = pairs.limits.acceptance(cell.metric, axes_of(cell.case))
    return found if found and not found.ran_out and pairs.flagged.get(cell) == SLOWER else None


def red_margin(pairs: Pairs, cell: Cell) -> float | None:
    """The margin beyond which a flagged cell turns a build red, None where nothing does."""
    found = of_cell(pairs, cell)
    if found is None:
        return pairs.margin(cell)
    return None if found.at_most is None else verdicts.margin_of(found.at_most, "ratio")


def exceeded(row: Comparison, limits: PairLimits) -> bool:
    """Whether a value without noise is worse than its acceptance allows."""
    found = limits.acceptance(row.metric, row.axes)
    if found is None or found.at_most is None:
        return False
    return row.centre is None or verdicts.exceeds(row.worsening, verdicts.margin_of(found.at_most, row.scale))


def applied(row: Comparison, limits: PairLimits, beyond: bool) -> Comparison:
    """The row with its own limit, and accepted where it is slower and may be. beyond: whether by more than it may."""
    row = dataclasses.replace(row, limit=limits.own_margin(row.metric, row.axes))
    found = limits.acceptance(row.metric, row.axes)
    if row.verdict != SLOWER or found is None:
        return row
    if found.ran_out:
        return dataclasses.replace(row, reason=f"its acceptance ran out on {found.until}")
    details = {**row.details, "accepted": {"until": found.until, "why": found.why, "at_most": found.at_most}}
    if beyond and found.at_most is not None:
        reason = f"it is accepted up to {percent(found.at_most)} only, until {found.until}"
        return dataclasses.replace(row, limit=found.at_most, reason=reason, details=details)
    reason = f"accepted until {found.until}: {found.why}"
    return dataclasses.replace(row, verdict=ACCEPTED, reason=reason, details=details)


def notes(entries: Sequence[Acceptance], found: Sequence[Comparison]) -> list[str]:
    """Which acceptances ran out and are missed, and which nothing needs any more."""
    told = []
    for entry in entries:
        verdicts = [row.verdict for row in found if limits.means(entry.of, row.metric, row.axes)]
        said = f"the accepted slowdown of {described(entry.of)} ({entry.why})"
        if entry.ran_out and SLOWER in verdicts:
            told.append(f"{said} ran out on {entry.until}, so it counts again")
        elif verdicts and set(verdicts) <= {SAME, FASTER}:
            told.append(f"{said} is not needed here: nothing of it is slower; if no other call needs it, remove it")
    return told


def described(of: limits.Values) -> str:
    """`model layers:MinGRU, seq_len 512`."""
    return ", ".join(f"{name} {' or '.join(map(str, values))}" for name, values in of.items())
