"""Pairs that go on: from the samples of earlier sittings to all that was known after their last whole pair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rnn_vs_attn.ab.failures import Failure
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import CYCLES, RATIO, Cell, Observation, Stage
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Plan
from rnn_vs_attn.records.timing import Care
from rnn_vs_attn.records.types import ROUND_TIME, SampleLine
from rnn_vs_attn.run.journal import same, that_count
from rnn_vs_attn.suites.case import Case, axes_of


def restore(pairs: Pairs, stored: Sequence[SampleLine]) -> None:
    """Give back to pairs that are new what the stored samples say. A pair that was cut off is forgotten, but for what
    failed in it: that was tried twice.
    """
    kept = that_count(stored)
    whole = {line.round for line in kept if line.metric == ROUND_TIME}
    pairs.journal.lines = [line for line in kept if line.round in whole]
    for index in sorted(whole):
        _Pair(pairs, index, [line for line in pairs.journal.lines if line.round == index]).restore()
    pairs.journal.sitting = max(pairs.journal.sittings, default=0) + 1
    cut = [line for line in kept if line.round not in whole]
    if cut:
        pairs.journal.forget(cut[-1].round)
        of_cut = _Pair(pairs, cut[-1].round, cut)
        of_cut.restore_failures()
        for case in of_cut.failed:
            pairs.journal.fault(case, pairs.passes, pairs.failures[case])


class _Pair:
    """The lines of one pair, and what they are lines of."""

    def __init__(self, pairs: Pairs, index: int, lines: Sequence[SampleLine]) -> None:
        self._pairs, self._index, self._lines = pairs, index, lines
        self._cases = {same(axes_of(case)): case for case in pairs.cases}
        self._stage: Stage = pairs.stages[index >= pairs.limits.screen]

    @property
    def failed(self) -> list[Case]:
        return list(dict.fromkeys(self._case(line) for line in self._lines if line.status != "ok"))

    def restore(self) -> None:
        self.restore_failures()
        for line in self._lines:
            if line.metric == ROUND_TIME:
                self._close(line.details)
            elif line.status == "ok" and line.metric == RATIO.name:
                self._observe(line)
            elif line.status == "ok" and "model" in line.axes and "side" in line.axes:
                self._remember(line)
        self._calibrate()

    def restore_failures(self) -> None:
        for line in self._lines:
            if line.status != "ok":
                again = {side: CaseFault(**fault) for side, fault in line.details["again"].items()}
                fault = CaseFault(line.status, line.error)
                self._pairs.failures[self._case(line)] = Failure(str(line.axes["side"]), fault, again, self._index)

    def _case(self, line: SampleLine) -> Case:
        return self._cases[same({name: v for name, v in line.axes.items() if name not in ("side", "pass")})]

    def _close(self, details: Mapping[str, Any]) -> None:
        self._stage.pairs += 1
        self._pairs.start_up.append(details["start_up"])
        self._pairs.peak_unknown = details["peak_unknown"]
        for model, text, sides in details["noted"]:
            self._pairs.blocks.noted.setdefault((model, text), set()).update(sides)

    def _observe(self, line: SampleLine) -> None:
        cell = Cell(self._case(line), str(line.axes["pass"]))
        cycles = next((other for other in self._lines if other.metric == CYCLES.name and other.axes == line.axes), None)
        seen = Observation(_logarithm(line), _logarithm(cycles) if cycles else None)
        self._stage.observed.setdefault(cell, []).append(seen)
        self._pairs.blocks.seconds.setdefault(cell, []).append(line.details["seconds"])

    def _remember(self, line: SampleLine) -> None:
        cell = Cell(self._case(line), line.metric.removesuffix("_time"))
        care = line.details["care"]
        plan = Plan(line.details["loops"], len(line.blocks))
        kept = Care(**{**care, "changes": tuple(care["changes"])})
        self._pairs.blocks.remember(cell, str(line.axes["side"]), plan, kept)

    def _calibrate(self) -> None:
        """The machine's own peaks, as far as both sides have them."""
        found: dict[str, dict[str, float]] = {}
        for line in self._lines:
            if line.value is not None and "side" in line.axes and "model" not in line.axes:
                key = " ".join([line.metric, *(str(value) for name, value in line.axes.items() if name != "side")])
                found.setdefault(key, {})[str(line.axes["side"])] = line.value
        for key, values in found.items():
            if len(values) == len(SIDES):
                ratio = math.log(values[CANDIDATE] / values[BASELINE])
                self._stage.calibration.setdefault(key, []).append(ratio)


def _logarithm(line: SampleLine) -> float:
    """The observation that a ratio is of: the median over its blocks."""
    return median(math.log(ratio) for ratio in line.blocks)
