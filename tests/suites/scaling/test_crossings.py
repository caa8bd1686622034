"""From which length attention takes longer or has more FLOPs, planted and by formula."""

from __future__ import annotations

import pytest
from fakes import of_rounds

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.scaling import measure
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import ScalingCase
from rnn_vs_attn.suites.scaling.suite import SCALING

# FLOPs, counted on the modules themselves


def counted_records(names: list[str], lengths: list[int], widths: list[int]) -> list[Record]:
    """FLOPs by the counter of operations alone, of built-in models too."""
    found = []
    for case in (ScalingCase(m, n, 1, d, device="cpu") for m in names for n in lengths for d in widths):
        counters = layer_passes.count_operations(measure.workload(case, 0), None)
        for name, counter in zip(SCALING.rounds.passes, counters, strict=True):
            axes = axes_of(case) | {"pass": name}
            found.append(of_rounds(SCALING.metric("flops", axes), axes, {0: counter.flops}))
    return found


@pytest.mark.long
def test_flops_cross_at_four_times_the_width_by_formula_and_by_count() -> None:
    """8 n d^2 + 2 n (n + 1) d against 16 n d^2: equal at n + 1 = 4 d, so n = 4 d is the first with more."""
    records = counted_records(["attention", "lstm"], [64, 128, 256, 512], [16, 32])
    found = {
        (r.axes["d_model"], r.axes["pass"], r.axes["by"]): r.median
        for r in derive(records)
        if r.metric == "flop_crossing"
    }
    assert found[16, "forward", "formula"] == found[16, "forward", "count"] == 64
    assert found[32, "forward", "formula"] == found[32, "forward", "count"] == 128
    for width in (16, 32):
        ours, theirs = find("attention").costs, find("lstm").costs
        above = [
            n for n in range(1, 400) if ours.flops(Shape(1, n, width)).train > theirs.flops(Shape(1, n, width)).train
        ]
        assert found[width, "train", "formula"] == found[width, "train", "count"] == above[0]
