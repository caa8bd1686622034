"""What `bench` draws of records with a planted answer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import pytest
from fakes import bench_record
from planted_bench import DRIFT, LENGTHS, LINEAR, MIB, STEADY, memory, planted, times

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.bench.analysis import derive
from rnn_vs_attn.suites.bench.figures import figures


def shown(records: Sequence[Record]) -> dict[str, Any]:
    return {figure.name: figure for figure in figures([*records, *derive(records)])}


def test_a_figure_has_a_line_a_model_and_a_mark_at_the_crossing() -> None:
    figure = shown(times(planted(200)))["train_time"]
    assert [series.label for series in figure.series] == ["lstm", "attention"]
    assert figure.series[0].x == list(LENGTHS)
    (mark,) = figure.marks
    assert mark.label == "lstm = attention at 200"
    assert mark.x == pytest.approx(200)
    assert mark.y == pytest.approx(LINEAR * 200 * median(DRIFT))


def test_a_mark_lies_on_the_line_of_attention() -> None:
    (mark,) = shown(times(planted(200), rounds=STEADY))["train_time"].marks
    assert mark.y == pytest.approx(LINEAR * 200)


def test_lines_have_their_intervals() -> None:
    (line, _) = shown(times(planted(200), lengths=[64, 128]))["train_time"].series
    assert line.low == pytest.approx([LINEAR * n * min(DRIFT) for n in (64, 128)])
    assert line.high == pytest.approx([LINEAR * n * max(DRIFT) for n in (64, 128)])


def test_curves_that_differ_in_more_than_the_model_say_in_what() -> None:
    records = [*times(planted(200), threads=1), *times(planted(200), threads=2)]
    labels = [series.label for series in shown(records)["train_time"].series]
    assert labels == ["lstm threads 1", "attention threads 1", "lstm threads 2", "attention threads 2"]


def test_crossings_are_marked_under_several_settings_too() -> None:
    records = [*times(planted(200), threads=1), *times(planted(500), threads=2)]
    assert sorted(mark.x for mark in shown(records)["train_time"].marks) == pytest.approx([200, 500])


def test_only_what_was_measured_is_drawn() -> None:
    assert list(shown(times(planted(200)))) == ["train_time"]
    assert list(shown(memory(2.0))) == ["peak_memory_train"]
    assert shown([]) == {}


def test_a_call_that_needs_no_memory_is_not_drawn_at_zero() -> None:
    records = [
        bench_record("peak_memory", "attention", n, [m] * 6, {"pass": "train"}) for n, m in ((64, 0), (128, MIB))
    ]
    assert shown(records)["peak_memory_train"].series[0].x == [128]
