"""The samples of one call of `ab`, in memory and in its folder, and the records that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnn_vs_attn.ab.failures import Failure
from rnn_vs_attn.ab.stages import CYCLES, NAME, RATIO
from rnn_vs_attn.records.build import build_record, group_lines
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import ROUND_DROPPED, ROUND_TIME, Axes, Key, Metric, Record, Sample, SampleLine
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import Suite


class PairJournal:
    """sitting: which one this is of those that have gone on with one run, from 1."""

    def __init__(self, suite: Suite, folder: RunFolder) -> None:
        self.lines: list[SampleLine] = []
        self.sitting = 1
        self._suite, self._folder = suite, folder

    def append(self, axes: Axes, index: int, sample: Sample, status: str = "ok", error: str = "") -> None:
        """Keep one sample of pair `index`."""
        line = SampleLine.of(NAME, axes, index, sample, status, error)
        self.lines.append(self._folder.append(line))

    def fault(self, case: Case, passes: Sequence[str], failure: Failure) -> None:
        """Keep what cost a case its numbers, and what came of it once more."""
        again = {side: {"status": fault.status, "reason": fault.reason} for side, fault in failure.again.items()}
        told = {"status": failure.fault.status, "error": failure.fault.reason}
        for name in passes:
            sample = Sample(f"{name}_time", None, {"side": failure.side}, details={"again": again})
            self.append(axes_of(case), failure.index, sample, **told)

    def end_pair(self, index: int, seconds: float, details: dict[str, Any]) -> None:
        """Close a pair; one without this line is taken again where a run goes on."""
        kept = details | {"sitting": self.sitting}
        self.append({}, index, Sample(ROUND_TIME, seconds, details=kept))
        self.write_records()

    def forget(self, index: int) -> None:
        """Let pair `index` be taken again."""
        self._folder.append(SampleLine(NAME, {}, ROUND_DROPPED, index, None))

    def write_records(self) -> None:
        self._folder.write_records(self.records())

    def records(self) -> list[Record]:
        """Each side's times, their ratios and the machine's own peaks, a sample a pair."""
        groups = group_lines(line for line in self.lines if line.metric != ROUND_TIME).items()
        return [build_record(self._metric(key[1], dict(key[2])), lines) for key, lines in groups]

    def lines_of(self, key: Key) -> list[SampleLine]:
        """The samples of one key, in order."""
        return [line for line in self.lines if line.key == key]

    @property
    def sittings(self) -> dict[int, int]:
        """Of each sitting how many pairs it has taken."""
        found: dict[int, int] = {}
        for line in self.lines:
            if line.metric == ROUND_TIME:
                number = line.details["sitting"]
                found[number] = found.get(number, 0) + 1
        return found

    def _metric(self, name: str, axes: dict[str, Any]) -> Metric:
        own = {metric.name: metric for metric in (RATIO, CYCLES)}
        return own.get(name) or self._suite.metric(name, axes)
