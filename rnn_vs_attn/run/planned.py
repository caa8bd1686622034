"""What a run is about to measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.types import SampleLine
from rnn_vs_attn.run.schedule import Look
from rnn_vs_attn.suites.suite import Case, Suite


@dataclass(frozen=True)
class Planned:
    """The cases of a run, within which limits, and what is known of them before it goes on.

    begun: when the command began, by the monotonic clock; looked: what a look at each case said of its cost; lines: the
    samples of an interrupted run.
    """

    suite: Suite
    cases: Sequence[Case]
    limits: Limits
    begun: float
    looked: Mapping[Case, Look] = field(default_factory=dict)
    lines: Sequence[SampleLine] = ()
