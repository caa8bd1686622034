"""What the pairs of `ab` give: observations of timed passes, by stage; and who is told how they go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from rnn_vs_attn.records.types import Metric
from rnn_vs_attn.suites.case import Case

NAME = "ab"
RATIO = Metric("ratio", "1", "none", title="candidate / baseline in one pair: the median over blocks")
CYCLES = Metric("cycle_ratio", "1", "none", title="the same in clock cycles of the GPU")


@dataclass(frozen=True)
class Cell:
    """One timed pass of one case."""

    case: Case
    name: str

    @property
    def metric(self) -> str:
        return f"{self.name}_time"


@dataclass(frozen=True)
class Observation:
    """A cell in one pair: log(candidate / baseline) of time, and of clock cycles where the clock is known."""

    time: float
    cycles: float | None


@dataclass
class Stage:
    """What the pairs of one stage have given so far. calibration: log ratios of the machine's own peaks."""

    number: int
    wanted: int
    observed: dict[Cell, list[Observation]] = field(default_factory=dict)
    calibration: dict[str, list[float]] = field(default_factory=dict)
    pairs: int = 0

    def differences(self, cell: Cell) -> list[float]:
        return [seen.time for seen in self.observed.get(cell, [])]

    def cycles(self, cell: Cell) -> list[float] | None:
        """Differences in clock cycles; None where the clock was not known throughout."""
        seen = [o.cycles for o in self.observed.get(cell, [])]
        return None if None in seen else [c for c in seen if c is not None]


class Progress(Protocol):
    """Who is told how the pairs go on."""

    def pair_begins(self, stage: Stage, cells: int) -> None: ...

    def case_begins(self, case: Case, done: int) -> None: ...

    def pair_ends(self, stage: Stage, seconds: float) -> None: ...

    def stage_two(self, flagged: int, cells: int, stage: Stage, seconds: float, left: float) -> None: ...


class Silence:
    """No progress."""

    def pair_begins(self, stage: Stage, cells: int) -> None:
        return None

    def case_begins(self, case: Case, done: int) -> None:
        return None

    def pair_ends(self, stage: Stage, seconds: float) -> None:
        return None

    def stage_two(self, flagged: int, cells: int, stage: Stage, seconds: float, left: float) -> None:
        return None
