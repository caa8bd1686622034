"""From samples to records: gaps, faults, zeros, exact metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fakes import LINE, TIME, record, unfinished_run

from rnn_vs_attn.records.build import build_record
from rnn_vs_attn.records.folder import RunFolder, read_run, read_samples
from rnn_vs_attn.records.types import Metric, SampleLine
from rnn_vs_attn.stats.intervals import Estimate

# From samples to records


def test_a_record_has_its_samples_in_the_order_of_rounds() -> None:
    lines = [replace(LINE, round=r, value=float(r)) for r in (3, 0, 5, 1, 4, 2)]
    made = build_record(TIME, lines)
    assert made.samples == [0, 1, 2, 3, 4, 5]
    assert (made.low, made.median, made.high) == (0, 2.5, 5)


def test_a_round_without_a_sample_leaves_a_gap_so_that_rounds_stay_in_step() -> None:
    made = build_record(TIME, [replace(LINE, round=r, value=float(r)) for r in (1, 3)])
    assert made.samples == [None, 1.0, None, 3.0]
    assert made.values == [1.0, 3.0]
    assert made.median == 2.0


def test_a_record_keeps_its_values_beside_a_later_fault() -> None:
    lines = [LINE, replace(LINE, round=1, value=None, status="crashed", error="it fell over")]
    made = build_record(TIME, lines)
    assert (made.status, made.error, made.samples, made.median) == ("crashed", "it fell over", [0.5], 0.5)
    assert not made.ok


def test_a_record_of_faults_only_has_no_numbers() -> None:
    made = build_record(TIME, [replace(LINE, value=None, status="timeout", error="slow")])
    assert (made.samples, made.median, made.low, made.high) == ([], None, None, None)


def test_each_warning_is_kept_once() -> None:
    lines = [replace(LINE, round=r, warnings=["hot", f"round {r}"]) for r in (0, 1)]
    assert build_record(TIME, lines).warnings == ["hot", "round 0", "round 1"]


def test_an_exact_metric_is_an_interval_of_no_width() -> None:
    made = build_record(replace(TIME, exact=True), [LINE])
    assert (made.low, made.median, made.high) == (0.5, 0.5, 0.5)


def test_a_record_has_its_median_and_interval_as_an_estimate() -> None:
    made = replace(record("train_time", 2.0, 1.0, 4.0), samples=[1.0, None, 2.0, 4.0])
    assert made.estimate == Estimate(2.0, 1.0, 4.0, 3)
    few = build_record(TIME, [LINE])
    assert few.estimate is not None
    assert (few.estimate.median, few.estimate.low, few.estimate.half_width) == (0.5, None, None)
    assert replace(made, details={"reason": "too few"}).estimate == Estimate(2.0, 1.0, 4.0, 3, "too few")
    assert build_record(TIME, [replace(LINE, value=None, status="timeout")]).estimate is None


def test_details_are_those_of_all_rounds_and_of_each_name_the_first() -> None:
    """Of the rounds between the first and the last they were lost."""
    found = [{"loops": 40, "nats_0": [1.0]}, {"loops": 41, "nats_1": [2.0]}, {"nats_2": [3.0], "reason": "late"}]
    lines = [replace(LINE, round=r, details=found[r]) for r in (2, 0, 1)]
    expected = {"loops": 40, "nats_0": [1.0], "nats_1": [2.0], "nats_2": [3.0], "reason": "late"}
    assert build_record(TIME, lines).details == expected
    assert [line.details for line in lines] == [found[2], found[0], found[1]]  # as they were
    assert build_record(TIME, [LINE]).details == {}


def test_details_of_a_round_that_failed_are_kept() -> None:
    fault = replace(LINE, round=1, value=None, status="timeout", error="slow", details={"needed_seconds": 9})
    assert build_record(TIME, [replace(LINE, details={"loops": 4}), fault]).details == {"loops": 4, "needed_seconds": 9}


# Logarithms of zero


def norm_lines(*values: float | None) -> list[SampleLine]:
    """One round each; None is an exact zero."""
    return [SampleLine("gradflow", {}, "norm_log10", r, v, zero=v is None) for r, v in enumerate(values)]


LOG = Metric("norm_log10", "1", "none", scale="difference")


def test_a_zero_in_all_rounds_is_null_and_said() -> None:
    made = build_record(LOG, norm_lines(*[None] * 6))
    assert (made.median, made.low, made.high, made.zero, made.status) == (None, None, None, True, "ok")
    assert made.shows
    assert made.text == "zero"


def test_one_zero_of_seven_rounds_is_the_least_of_them() -> None:
    made = build_record(LOG, norm_lines(None, -1, -2, -3, -4, -5, -6))
    assert (made.median, made.low, made.high, made.zero) == (-4, None, -1, False)
    assert made.samples == [None, -1, -2, -3, -4, -5, -6]
    assert (made.ok, made.text) == (True, "")


def test_zeros_in_half_of_the_rounds_are_a_median_of_zero() -> None:
    made = build_record(LOG, norm_lines(None, None, None, -1, -2, -3))
    assert (made.median, made.low, made.high, made.zero) == (None, None, -1, True)


def test_rounds_without_a_value_are_no_zeros() -> None:
    made = build_record(LOG, [replace(line, zero=False) for line in norm_lines(None, None)])
    assert (made.median, made.zero, made.shows, made.text) == (None, False, False, "")


def test_a_zero_of_a_round_that_failed_does_not_count() -> None:
    lines = norm_lines(None, -1)
    made = build_record(LOG, [replace(lines[0], status="crashed", error="no"), lines[1]])
    assert (made.median, made.zero, made.status) == (-1, False, "crashed")


def test_a_zero_is_no_longer_shown_once_a_round_has_failed() -> None:
    lines = norm_lines(None, None)
    made = build_record(LOG, [lines[0], replace(lines[1], zero=False, status="crashed", error="no")])
    assert (made.zero, made.shows) == (True, False)


def test_records_of_zeros_hold_no_infinity_and_are_read_as_they_were_written(folder: RunFolder) -> None:
    made = [build_record(LOG, norm_lines(*values)) for values in ([None] * 6, [None, None, -1.0], [None] + [-1.0] * 6)]
    folder.write_run(unfinished_run())
    folder.write_records(made)
    assert b"Infinity" not in (folder.path / "records.jsonl").read_bytes()
    assert read_run(folder.path).records == made


def test_zeros_survive_the_file(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    for line in norm_lines(None, -1.5):
        folder.append(line)
    folder.close()
    text = (tmp_path / "run" / "samples.jsonl").read_text()
    assert text.count('"value":null,"zero":true') == 1
    assert [(line.value, line.zero) for line in read_samples(tmp_path / "run")] == [(None, True), (-1.5, False)]


def test_a_round_that_could_not_carry_its_value_leaves_no_median_of_the_others() -> None:
    lines = [
        SampleLine("gradflow", {}, "norm_log10", r, v) for r, v in enumerate([-300.0, None, -280.0, -1.0, -1.0, -1.0])
    ]
    assert build_record(LOG, lines).median is None
