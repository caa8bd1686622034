"""What `decode` says in words under its table: what those models carry of which no claim says it."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.curves import curves
from rnn_vs_attn.suites.decode.analysis import growth
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.decode.claims import carried, last_size, state_pairs
from rnn_vs_attn.suites.findings import Names


def remarks(records: Sequence[Record]) -> list[str]:
    """What is carried from token to token, in one line."""
    names, parts = Names.of(records, DecodeCase, "seq_len"), []
    told = [curve for pair in state_pairs(records) for curve in (pair.curve, pair.base)]
    for sizes in curves(measured(records, "state_size")).values():
        if sizes not in told and carried(sizes):
            amount = f"{last_size(sizes)}, " * (growth(sizes) is None)
            parts.append(f"{names.name(sizes[0].axes)} {amount}{carried(sizes)}")
    return [f"What is carried from token to token: {'; '.join(parts)}."] if parts else []
