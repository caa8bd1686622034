"""Two stored runs made by hand, whose comparison is known."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from planted_runs import RULES, record, run_of, stored, values

from rnn_vs_attn.compare.runs import Rules, judge, report_of
from rnn_vs_attn.compare.verdicts import FAILED, FASTER, MISSING, NEW, SAME, SLOWER, UNSURE, Comparison
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.types import Record


def judged(before: list[Record], after: list[Record], rules: Rules = RULES) -> list[Comparison]:
    return judge(run_of(*before), run_of(*after), rules)


def only(found: list[Comparison]) -> Comparison:
    (row,) = found
    return row


# Times


@pytest.mark.parametrize(("factor", "verdict"), [(1.10, SLOWER), (0.90, FASTER), (1.0, SAME), (1.01, SAME)])
def test_a_time_is_judged_against_the_margin(factor: float, verdict: str) -> None:
    before, after = record("forward_time", values(8)), record("forward_time", values(8, factor, seed=1))
    row = only(judged([before], [after]))
    assert row.verdict == verdict
    assert row.centre == pytest.approx(factor, abs=0.005)
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.centre < row.high
    assert row.values == 8
    assert row.q is not None
    assert (row.q < 0.05) == (factor != 1.0)


def test_more_is_better_where_the_metric_says_so() -> None:
    """accuracy and gradient reach compare too; the change shown is candidate - baseline."""
    fields = {"unit": "1", "better": "higher", "scale": "difference"}
    before = record("accuracy", [0.90, 0.91, 0.92, 0.89, 0.905, 0.915], **fields)
    after = record("accuracy", [0.70, 0.71, 0.72, 0.69, 0.705, 0.715], **fields)
    row = only(judged([before], [after]))
    assert row.verdict == SLOWER
    assert row.centre == pytest.approx(-0.2)
    assert only(judged([after], [before])).verdict == FASTER


def test_the_margin_of_times_is_widened_by_the_spread_and_that_of_memory_is_not() -> None:
    rules = dataclasses.replace(RULES, spread=0.04)
    assert rules.widened == pytest.approx(0.03 + 1.645 * math.sqrt(2) * 0.04)
    for metric, unit, verdict in (("forward_time", "s", SAME), ("peak_memory", "B", SLOWER)):
        before, after = (record(metric, values(8, 8e8 * f, seed=int(f > 1)), unit=unit) for f in (1.0, 1.08))
        assert only(judged([before], [after], rules)).verdict == verdict


@pytest.mark.parametrize(
    ("kib", "exact", "verdict", "limit"),
    [
        ((230, 330), False, SAME, 256 / 230),  # both are read with what ran before
        ((300, 100), False, SAME, 256 / 100),
        ((230, 600), False, SLOWER, 256 / 230),
        ((10240, 10720), False, SLOWER, None),
        ((230, 330), True, SLOWER, None),  # of CUDA's allocator
    ],
)
def test_a_peak_of_resident_memory_is_judged_as_finely_as_it_is_read(
    kib: tuple[int, int], exact: bool, verdict: str, limit: float | None
) -> None:
    before, after = (
        record("peak_memory", [1024.0 * size] * 8 if exact else values(8, 102400.0 * size), unit="B", exact=exact)
        for size in kib
    )
    row = only(judged([before], [after]))
    assert row.verdict == verdict
    assert row.limit == (None if limit is None else pytest.approx(limit, rel=0.02))


def test_six_rounds_can_decide_46_cases_and_not_47() -> None:
    def cases(number: int) -> tuple[list[Record], list[Record]]:
        before = [record("forward_time", values(6, seed=n), axes={"seq_len": n}) for n in range(number)]
        after = [
            record("forward_time", values(6, 2.0 if n == 0 else 1.0, seed=-n - 1), axes={"seq_len": n})
            for n in range(number)
        ]
        return before, after

    found = judged(*cases(46))
    assert [c.verdict for c in found].count(SLOWER) == 1
    found = judged(*cases(47))
    assert {(c.verdict, c.undecidable) for c in found} == {(UNSURE, True)}
    assert "7 in each run can" in found[0].reason
    report = report_of(run_of(*cases(47)[0]), run_of(*cases(47)[1]), ("a", "b"), RULES, False, [])
    assert report.code == 3


def test_two_rounds_are_never_a_pass() -> None:
    before, after = record("forward_time", values(2)), record("forward_time", values(2, seed=1))
    report = report_of(run_of(before), run_of(after), ("a", "b"), RULES, False, [])
    assert report.code == 3
    assert "3 in each run can" in report.found[0].reason


def test_noise_that_reaches_beyond_the_margin_is_unsure_and_passes_unless_strict() -> None:
    before, after = record("forward_time", values(6, sd=0.2)), record("forward_time", values(6, sd=0.2, seed=1))
    for strict, code in ((False, 0), (True, 3)):
        report = report_of(run_of(before), run_of(after), ("a", "b"), RULES, strict, [])
        assert (report.found[0].verdict, report.code) == (UNSURE, code)


def test_unequal_numbers_of_rounds_of_the_same_values_are_not_slower() -> None:
    same = values(4)
    row = only(judged([record("forward_time", same * 2)], [record("forward_time", same * 3)]))
    assert row.verdict == SAME


def test_what_says_the_same_twice_is_judged_once() -> None:
    before = [record("forward_time", values(8)), record("tokens_per_second", values(8), unit="1/s", better="higher")]
    assert [c.metric for c in judged(before, before)] == ["forward_time"]


# What has no noise, and what is not there


@pytest.mark.parametrize(("after", "verdict"), [(1000.0, SAME), (1001.0, SLOWER), (999.0, FASTER)])
def test_any_change_of_an_exact_metric_counts(after: float, verdict: str) -> None:
    fields = {"unit": "B", "exact": True}
    found = judged([record("saved_bytes", [1000.0], **fields)], [record("saved_bytes", [after], **fields)])
    assert only(found).verdict == verdict


def test_cases_of_one_run_only_are_one_row_each() -> None:
    lstm = [record("forward_time", values(8)), record("train_time", values(8))]
    gru = [record("forward_time", values(8), "gru"), record("train_time", values(8), "gru")]
    found = judged([*lstm, *gru], lstm)
    assert [(c.axes["model"], c.verdict, c.metric) for c in found if c.verdict != SAME] == [
        ("gru", MISSING, "all metrics")
    ]
    assert report_of(run_of(*lstm, *gru), run_of(*lstm), ("a", "b"), RULES, False, []).code == 3
    found = judged(lstm, [*lstm, *gru])
    assert [(c.axes["model"], c.verdict) for c in found if c.verdict != SAME] == [("gru", NEW)]
    assert report_of(run_of(*lstm), run_of(*lstm, *gru), ("a", "b"), RULES, False, []).code == 0
    assert report_of(run_of(*lstm), run_of(*gru), ("a", "b"), RULES, False, []).code == 3


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_a_failed_case_is_a_row_with_its_reason_and_no_pass(side: str) -> None:
    well = [record("forward_time", values(8)), record("forward_time", values(8), "gru")]
    ill = [well[0], record("forward_time", [], "gru", status="out_of_memory", error="no room")]
    before, after = (ill, well) if side == "baseline" else (well, ill)
    report = report_of(run_of(*before), run_of(*after), ("a", "b"), RULES, False, [])
    row = next(c for c in report.found if c.axes["model"] == "gru")
    assert (row.verdict, row.reason, report.code) == (FAILED, f"{side}: out_of_memory: no room", 3)


def test_metrics_without_a_better_direction_are_not_judged() -> None:
    fields = {"unit": "1", "better": "none"}
    before, after = record("num_params", [5.0], **fields), record("num_params", [9.0], **fields)
    assert judged([before, record("forward_time", values(8))], [after, record("forward_time", values(8))])[
        0
    ].metric == ("forward_time")


def test_a_peak_of_zero_bytes_on_both_sides_is_the_same() -> None:
    zero = record("peak_memory", [0.0] * 6, unit="B")
    assert only(judged([zero], [zero])).verdict == SAME
    some = record("peak_memory", [64.0] * 6, unit="B")
    assert only(judged([zero], [some])).verdict == UNSURE


# The machine


def test_a_calibration_kernel_that_moved_unsettles_times_and_not_memory() -> None:
    peak = {"unit": "FLOP/s", "better": "higher"}
    models = [record("forward_time", values(8)), record("peak_memory", values(8), unit="B")]

    def with_peak(factor: float) -> list[Record]:
        of_machine = record("peak_flops", values(8, factor), **peak)
        return [*models, dataclasses.replace(of_machine, axes={"device": "cpu"})]

    found = {c.metric: c for c in judged(with_peak(1.0), with_peak(0.8))}
    assert found["forward_time"].verdict == UNSURE
    assert "calibration kernel moved: peak_flops times 0.79" in found["forward_time"].reason
    assert found["peak_memory"].verdict == SAME
    assert {c.verdict for c in judged(with_peak(1.0), with_peak(1.0))} == {SAME}


# Files


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"samples": [-0.5], "median": -0.5}, "forward_time is -0.5 s"),
        ({"samples": [0.0], "median": 0.0}, "forward_time is 0 s"),
        ({"samples": [0.5], "median": 0.1}, "the median of forward_time is 0.1 and its samples' is 0.5"),
    ],
)
def test_a_record_that_was_edited_into_nonsense_is_named_with_its_line(
    broken: dict[str, Any], said: str, tmp_path: Path
) -> None:
    well = record("forward_time", [0.5])
    path = stored(tmp_path / "run", record("train_time", [0.5]), dataclasses.replace(well, **broken))
    with pytest.raises(UserError, match="line 2") as error:
        checked_run(path)
    assert said in str(error.value)


def test_a_record_that_stands_twice_is_refused(tmp_path: Path) -> None:
    well = record("forward_time", [0.5])
    path = stored(tmp_path / "run", well, record("train_time", [0.5]), well)
    with pytest.raises(UserError, match="line 3 repeats line 1: forward_time"):
        checked_run(path)
