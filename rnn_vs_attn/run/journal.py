"""The samples of a run in progress, in memory and in its folder, and what they say of its cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Plan
from rnn_vs_attn.records.build import build_record, group_lines
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import (
    CASE_RETRIED,
    ROUND_DROPPED,
    ROUND_TIME,
    Axes,
    AxisValue,
    Record,
    Sample,
    SampleLine,
)
from rnn_vs_attn.suites.blocks import TIMED
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import PEAKS, Suite


class Journal:
    """rounds: those that are finished. repeats: whether an unfinished one stood in the folder and was forgotten. over:
    whether nothing more will be measured; what the last round came to counts then, as it did when the run ended.
    """

    def __init__(
        self, suite: Suite, cases: Sequence[Case], folder: RunFolder, lines: Sequence[SampleLine], over: bool = False
    ) -> None:
        self.suite = suite
        self.cases = cases
        self.folder = folder
        kept = that_count(lines)
        self.rounds = sum(line.metric == ROUND_TIME for line in kept)
        self.lines = [line for line in kept if over or line.round < self.rounds]
        self.repeats = len(self.lines) < len(kept)
        self.over = over
        untimed = [
            line for line in self.lines if line.status == "ok" and not (suite.rounds.passes and line.metric in TIMED)
        ]
        self._asked = {(self._is_peak(line), same(self.case_axes(line.axes))) for line in untimed}

    # What is written

    def begin(self) -> None:
        """Forget an unfinished round in the folder too."""
        if self.repeats:
            self.folder.append(SampleLine(self.suite.name, {}, ROUND_DROPPED, self.rounds, None))

    def append(self, line: SampleLine) -> None:
        self.lines.append(self.folder.append(line))

    def end_round(self, seconds: float, details: dict[str, Any]) -> None:
        self.append(SampleLine(self.suite.name, {}, ROUND_TIME, self.rounds, seconds, details=details))
        self.rounds += 1
        self.write_records()

    def forget_failed(self) -> None:
        """Let cases that failed, or were left out, be measured anew, in every finished round."""
        alive = set(self.alive())
        for case in self.cases:
            if case not in alive:
                self.folder.append(SampleLine(self.suite.name, dict(axes_of(case)), CASE_RETRIED, self.rounds, None))
                self.lines = [line for line in self.lines if self.case_axes(line.axes) != axes_of(case)]
                self._asked -= {(peaks, same(axes_of(case))) for peaks in (False, True)}

    def samples(self, case: Case, number: int, samples: Sequence[Sample], warnings: Sequence[str] = ()) -> None:
        """Keep the samples of a case in a round."""
        for sample in samples:
            self.append(SampleLine.of(self.suite.name, axes_of(case), number, sample, warnings=warnings))

    def fault(self, case: Case, number: int, fault: CaseFault, owed: Sequence[str], **details: Any) -> None:
        """A line for each metric of `owed` that the case has not given in this round; of the last where it gave all."""
        axes = axes_of(case)
        given = {
            line.metric
            for line in self.lines
            if line.round == number and line.status == "ok" and self.case_axes(line.axes) == axes
        }
        for name in [name for name in owed if name not in given] or self.suite.owed(case)[-1:]:
            sample = Sample(name, None, details=details)
            told = fault.status, fault.reason, fault.warnings
            self.append(SampleLine.of(self.suite.name, axes, number, sample, *told))

    def write_records(self) -> None:
        self.folder.write_records(self.records())

    # What it says

    def records(self) -> list[Record]:
        """Records of all lines so far, those that the suite derives from them, and one for each case without any."""
        groups = group_lines(self.lines).items()
        made = [build_record(self.suite.metric(key[1], dict(key[2])), group) for key, group in groups]
        order = {tuple(axes_of(case).values()): i for i, case in enumerate(self.cases)}
        made.sort(key=lambda record: order.get(tuple(self.case_axes(record.axes).values()), len(order)))
        missing = self._missing()
        return [*made, *self.suite.analysis.stored([*made, *missing]), *missing]

    def _missing(self) -> list[Record]:
        """What an unfinished first round, or a run that is over, has not come to."""
        if self.rounds and not self.over:
            return []
        reason = "not reached: --max-seconds or an interruption came first; --resume goes on"
        seen = {(line.metric, same(self.case_axes(line.axes))) for line in self.lines}
        lines = [
            SampleLine.of(self.suite.name, axes_of(case), 0, Sample(name, None), "timeout", reason)
            for case in self.alive()
            for name in self.suite.owed(case)
            if (name, same(axes_of(case))) not in seen and not self._unasked(case, name)
        ]
        return [build_record(self.suite.metric(line.metric, line.axes), [line]) for line in lines]

    def _unasked(self, case: Case, metric: str) -> bool:
        """Whether a case was measured in full and this machine has no such number."""
        return metric not in self.suite.precise and not self.is_first(case, peaks=self.suite.rounds.peaks)

    def alive(self) -> list[Case]:
        """Cases that have not failed."""
        failed = {same(self.case_axes(line.axes)) for line in self.lines if line.status != "ok"}
        return [case for case in self.cases if same(axes_of(case)) not in failed]

    def is_first(self, case: Case, peaks: bool = False) -> bool:
        """Whether a case was never asked for what is no time of blocks, or for its peaks."""
        return (peaks, same(axes_of(case))) not in self._asked

    def was_asked(self, case: Case, peaks: bool = False) -> None:
        self._asked.add((peaks, same(axes_of(case))))

    def _is_peak(self, line: SampleLine) -> bool:
        return self.suite.rounds.afterwards == PEAKS and line.metric == "peak_memory"

    def lacking(self, number: int) -> list[Case]:
        """Cases without a sample in a finished round, which a run that is retried makes up for."""
        seen = {same(self.case_axes(line.axes)) for line in self.lines if line.round == number}
        return [case for case in self.alive() if same(axes_of(case)) not in seen and not self.suite.only_counts(case)]

    def plans(self) -> dict[tuple[Case, str], Plan]:
        """The plans of passes that were timed before."""
        found: dict[tuple[Case, str], Plan] = {}
        for line in self.lines:
            for name in self.suite.rounds.passes:
                if line.metric == f"{name}_time" and line.status == "ok":
                    fields: dict[str, Any] = dict(line.axes)
                    plan = Plan(line.details["loops"], line.details.get("num_blocks", len(line.blocks)))
                    found.setdefault((self.suite.axes.case(**fields), name), plan)
        return found

    def case_axes(self, axes: Axes) -> dict[str, AxisValue]:
        """Of the axes of a sample those that are fields of its case."""
        return {name: axes[name] for name in axes_of(self.cases[0]) if name in axes}


def that_count(lines: Sequence[SampleLine]) -> list[SampleLine]:
    """Lines without those of rounds and cases that a later run measured again."""
    kept: list[SampleLine] = []
    for line in lines:
        if line.metric == ROUND_DROPPED:
            kept = [earlier for earlier in kept if earlier.round < line.round]
        elif line.metric == CASE_RETRIED:
            kept = [earlier for earlier in kept if not line.axes.items() <= earlier.axes.items()]
        else:
            kept.append(line)
    return kept


def same(axes: Axes) -> tuple[tuple[str, Any], ...]:
    """Axes as a value that can be looked up."""
    return tuple(sorted(axes.items()))
