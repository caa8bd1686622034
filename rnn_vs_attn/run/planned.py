"""What a run is about to measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.types import SampleLine
from rnn_vs_attn.run.schedule import Look, Schedule
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.worker.lanes import Lanes


@dataclass(frozen=True)
class Planned:
    """The cases of a run, within which limits, and what is known of them before it goes on.

    looked: what a look at each case said of its cost; schedule: how that fits into the time; lines: the samples of an
    interrupted run; built_as: models and how they are built, where that has to be said. Of a suite that trains, lanes:
    where, and seconds: about how long all of it takes.
    """

    suite: Suite
    cases: Sequence[Case]
    limits: Limits
    looked: Mapping[Case, Look]
    schedule: Schedule
    lines: Sequence[SampleLine] = ()
    built_as: Sequence[tuple[str, str]] = ()
    lanes: Lanes | None = None
    seconds: float | None = None

    @property
    def later_trainings(self) -> int:
        """Of each round after the first, 0 of a suite that trains none."""
        trains = self.suite.rounds.trains
        return len(trains.kinds(self.cases)) if trains is not None else 0
