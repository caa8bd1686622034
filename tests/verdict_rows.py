"""Comparisons and reports by hand."""

from __future__ import annotations

from typing import Any

from rnn_vs_attn.compare.report import Report
from rnn_vs_attn.compare.sentences import Margins
from rnn_vs_attn.compare.verdicts import Comparison


def row(verdict: str, model: str = "lstm", centre: float | None = 1.0, **rest: Any) -> Comparison:
    plain: dict[str, Any] = {"unit": "s", "better": "lower", "exact": False, "scale": "ratio"}
    ends = {"low": None if centre is None else centre * 0.9, "high": None if centre is None else centre * 1.1}
    axes = {"model": model, "seq_len": 64, "d_model": 16}
    return Comparison("ab", axes, "forward_time", verdict=verdict, centre=centre, **(plain | ends | rest))


def report(*found: Comparison, code: int = 0) -> Report:
    return Report("ab, b against a", found, ["a note"], code, margins=Margins(0.03, 0.03, 0.03))
