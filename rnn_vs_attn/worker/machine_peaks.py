"""The machine's own peak, which workers read in every round: for which settings, and which reading counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, astuple

from rnn_vs_attn.records.types import AxisValue, Metric
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.worker.protocol import ReadMachinePeaks


def settings(suite: Suite, cases: Iterable[Case]) -> list[ReadMachinePeaks]:
    """What to ask, for every setting that the cases run under; nothing where a suite's numbers have no such peak."""
    found = {ReadMachinePeaks(case.device, case.dtype, case.threads) for case in cases} if suite.axes.machine else set()
    return sorted(found, key=lambda setting: str(astuple(setting)))


def axes_of_setting(setting: ReadMachinePeaks) -> dict[str, AxisValue]:
    """The axes of a peak's records."""
    return asdict(setting)


def best(metric: Metric, readings: Iterable[float]) -> float:
    """What was reached: a peak is the best of its readings."""
    return max(readings) if metric.better == "higher" else min(readings)
