"""What `scaling` reads out of its records: all that is stored beside what was measured, and shares of the peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnn_vs_attn.records.query import measured, rate, record_at, share
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.metrics import FLOPS_FRACTION, FLOPS_PER_SECOND
from rnn_vs_attn.suites.scaling.choosing import PASSES, TIMES
from rnn_vs_attn.suites.scaling.crossings import flop_crossings, time_crossings
from rnn_vs_attn.suites.scaling.exponents import exponents
from rnn_vs_attn.suites.scaling.laws import laws
from rnn_vs_attn.suites.scaling.speed_ups import speed_ups


def derive(records: Sequence[Record]) -> list[Record]:
    """All that is stored beside what was measured, verdicts aside."""
    return [
        *exponents(records),
        *laws(records),
        *flop_crossings(records),
        *time_crossings(records),
        *speed_ups(records),
    ]


def expand(records: Sequence[Record]) -> list[Record]:
    """FLOP/s of each pass and its share of the machine's own peak, formed within rounds."""
    found: list[Record] = []
    for name, metric in zip(PASSES, TIMES, strict=True):
        for time in measured(records, metric):
            flops = record_at(records, "flops", time.axes | {"pass": name})
            if flops is None or not flops.median:
                continue
            speed = rate(time, FLOPS_PER_SECOND, flops.median)
            parts = share(speed, records, "peak_flops", FLOPS_FRACTION)
            found += [replace(part, axes=part.axes | {"pass": name}) for part in parts]
    return found
