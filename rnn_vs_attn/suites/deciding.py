"""What it takes to decide a claim that a run left undecided."""

from __future__ import annotations

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.stats.intervals import MIN_ROUNDS


def more_rounds(record: Record) -> str:
    """What to give for an interval, or for a narrower one."""
    rounds = sum(value is not None for value in record.samples)
    return narrower(rounds) if record.low is not None else AN_INTERVAL


def narrower(rounds: int) -> str:
    """What to give for a narrower interval than that of so many rounds."""
    return f"--rounds {2 * rounds}, and --max-seconds for them, narrow the interval"


AN_INTERVAL = f"an interval takes {MIN_ROUNDS} rounds: --rounds {MIN_ROUNDS}, and --max-seconds for them"
