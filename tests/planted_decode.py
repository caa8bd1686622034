"""Records of `decode` with planted times."""

from __future__ import annotations

import dataclasses
from typing import Any

from decoders import case
from fakes import of_rounds

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.decode.analysis import derive, expand
from rnn_vs_attn.suites.decode.claims import claims
from rnn_vs_attn.suites.decode.suite import DECODE


def at(metric: str, model: str, seq_len: int, values: list[float], **fields: Any) -> Record:
    axes = axes_of(case(model, seq_len=seq_len, **fields))
    made = of_rounds(DECODE.metric(metric, axes), axes, dict(enumerate(values)))
    return dataclasses.replace(made, suite="decode")


def records_of(gpt_step: Any, lstm_step: float, lengths: tuple[int, ...] = (64, 256, 1024)) -> list[Record]:
    found = []
    for n in lengths:
        found += [at("step_time", "gpt", n, [gpt_step(n) * (1 + r / 1000) for r in range(6)])]
        found += [at("step_time", "lstm-lm", n, [lstm_step * (1 + r / 1000) for r in range(6)])]
        found += [at("state_size", "gpt", n, [100.0 * n]), at("state_size", "lstm-lm", n, [700.0])]
    return found


def found(records: list[Record]) -> list[Claim]:
    """What a run of these records claims."""
    stored = [*records, *derive(records)]
    return claims([*stored, *expand(stored)])


def claim(records: list[Record], key: str, **axes: Any) -> Claim:
    """The one claim of that key at these axes."""
    (one,) = (c for c in found(records) if c.key == key and axes.items() <= c.axes.items())
    return one
