"""What is said of a call that ended before all was measured: how far it came, what is settled, how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnn_vs_attn import units
from rnn_vs_attn.compare.sentences import Margins, percent, place, said_change, sentences
from rnn_vs_attn.compare.verdicts import FASTER, SAME, SLOWER, UNSURE, Comparison

_WELL = (SAME, FASTER, UNSURE)
LOOKS = "looks"  # of a comparison's details: in which direction one without a verdict would go on, "" in none


@dataclass(frozen=True)
class Unfinished:
    """said: how it was interrupted, `Interrupted after 5 of 8 pairs`; "" where its time was up. go_on: the command."""

    said: str
    go_on: str


def preliminary(found: Sequence[Comparison], margins: Margins, said: str) -> list[str]:
    """The sentences of an interrupted call. found: the worst first; what has no verdict yet is undecidable."""
    pending = [c for c in found if c.undecidable]
    if not pending:
        return sentences(found, margins, [f"{said}, so this is preliminary."])
    timed = sum(c.unit == "s" for c in found)
    first = f"{said}, so this is preliminary: no verdict yet on {len(pending)} of {units.counted(timed, 'timing')}."
    settled = [c for c in found if not c.undecidable]
    so_far = _so_far(pending, found, margins)
    if any(c.verdict not in _WELL for c in settled):  # what is settled, and not well, comes first
        return [*sentences(settled, margins, [first]), *so_far]
    if settled and all(c.exact for c in settled):
        limit = f"by more than {percent(margins.exact)}"
        return [first, *so_far, f"Memory, and what else has no noise, did not get worse {limit}."]
    return sentences(settled, margins, [first, *so_far])


def _so_far(pending: Sequence[Comparison], found: Sequence[Comparison], margins: Margins) -> list[str]:
    """What is to be seen of what has no verdict, which decides nothing."""
    seen = [c for c in pending if LOOKS in c.details]
    slower = sorted((c for c in seen if c.details[LOOKS] == SLOWER), key=lambda c: -c.worsening)
    if slower:
        worst = f"{place(slower[0], found)}: {said_change(slower[0])}, {margins.said_of(slower[0])}"
        if len(slower) == 1:
            return [f"One of the timings without a verdict looks slower so far, which is not confirmed: {worst}."]
        of_them = f"{len(slower)} of the timings without a verdict look slower so far, which is not confirmed"
        return [f"{of_them}; the worst is {worst}."]
    if len(seen) == len(pending):
        return [f"So far none of the timings without a verdict looks slower by more than {percent(margins.times)}."]
    return ["That is too few pairs to see anything in."] if any(c.values for c in pending) else []
