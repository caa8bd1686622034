"""What became of the lesson's claims between two runs: those whose verdict is another one now."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn.records.claims import VERDICT, Claim
from rnn_vs_attn.records.types import Key, Record, Run

_SHOWN = 8


def changed(baseline: Run, candidate: Run) -> list[tuple[Claim, Claim]]:
    """Each claim that both runs judged, and not alike, as it was before and as it is now."""
    before, after = _judged(baseline.records), _judged(candidate.records)
    pairs = [(before[key], claim) for key, claim in after.items() if key in before]
    return [(old, new) for old, new in pairs if old.verdict != new.verdict]


def said_of(pairs: Sequence[tuple[Claim, Claim]]) -> list[str]:
    """A sentence each. They are no verdicts on a change, as an interval may have crossed a bound by chance."""
    shown = [f"{new.text}: {old.verdict} before, {new.verdict} now ({new.figure})" for old, new in pairs[:_SHOWN]]
    more = len(pairs) - len(shown)
    return [*shown, *([f"{more} more claims have another verdict now"] if more else [])]


def _judged(records: Sequence[Record]) -> dict[Key, Claim]:
    return {record.key: claim for record in records if record.metric == VERDICT.name and (claim := Claim.of(record))}
