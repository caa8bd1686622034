"""Figures out of series: where runs stand, what is marked, and the same numbers as a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_history import facts, history, steady, stepped
from planted_runs import record, stored

from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.history import charts
from rnn_vs_attn.history.runs import COMMIT, DATE, History, read
from rnn_vs_attn.history.series import Series, judged

pytestmark = pytest.mark.long
RULES = Rules(0.02, ("model", "seq_len"))


def read_in(folder: Path, by: str = DATE) -> tuple[History, list[Series]]:
    found = read([folder], by)
    return found, judged(found, RULES)


def test_a_figure_has_every_run_its_levels_and_its_marks(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): stepped(9, 1.2)}, runs=24, machine=lambda n: {"torch": "3"} if n >= 20 else {})
    found, series = read_in(tmp_path)
    ((chart, group),) = charts.of(found, series)
    assert chart.title == "lstm, forward at 64 tokens"
    assert [len(line.dots) for line in chart.lines] == [20, 4]
    assert [(flag.kind, flag.label.split()[-1]) for flag in chart.flags] == [
        ("worse", "slower"),
        ("machine", "machine"),
    ]
    day = 86400.0
    first = chart.lines[0].dots[0].x
    assert [(flag.x - first) / day for flag in chart.flags] == [9, 20]
    assert [(round((s.begin - first) / day), round((s.end - first) / day)) for s in chart.stretches] == [
        (0, 8),
        (9, 19),
        (20, 23),
    ]
    assert chart.stretches[1].y / chart.stretches[0].y == pytest.approx(1.2, rel=0.02)
    assert [len(one.points) for one in group] == [20, 4]


def test_dates_stand_as_far_apart_as_they_are_and_commits_side_by_side(tmp_path: Path) -> None:
    for number, started in enumerate(("2026-01-01", "2026-01-02", "2026-01-11", "2026-01-12")):
        commit = facts(max(number, 1))
        stored(tmp_path / f"{number}", record("forward_time", [0.01]), started=started, environment=commit)
    for by, places in ((DATE, [0, 1, 10, 11]), (COMMIT, [0, 0, 1, 2])):
        found, series = read_in(tmp_path, by)
        ((chart, _),) = charts.of(found, series)
        xs = [dot.x for dot in chart.lines[0].dots]
        unit = 86400.0 if by == DATE else 1.0
        assert [(x - xs[0]) / unit for x in xs] == places
        assert chart.x_label == by
    assert [label for _, label in chart.ticks] == ["0101010", "0202020", "0303030"]


def test_ticks_are_few_and_apart(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=50)
    found, series = read_in(tmp_path)
    ((chart, _),) = charts.of(found, series)
    assert [label for _, label in chart.ticks] == ["2026-03-01", "2026-03-17", "2026-04-03", "2026-04-19"]


def test_the_numbers_stand_beside_the_figure(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=3)
    found, series = read_in(tmp_path)
    (shown,) = charts.illustrated(found, charts.whole(series))
    assert shown.numbers.header == ["run", "date", "commit", "machine", "median", "low", "high"]
    assert [row[1:4] for row in shown.numbers.rows] == [
        ["2026-03-01 09:30", "0000000", "1"],
        ["2026-03-02 09:30", "0101010", "1"],
        ["2026-03-03 09:30", "0202020", "1"],
    ]
    assert all(cell.endswith(" ms") for row in shown.numbers.rows for cell in row[4:])
    assert shown.caption.startswith("3 runs, from ")
    assert shown.caption.endswith(" ms: no change is marked.")


def test_a_metric_that_is_no_time_of_a_pass_is_named(tmp_path: Path) -> None:
    for number in range(2):
        kept = record("saved_bytes", [1024.0], unit="B", exact=True)
        stored(tmp_path / f"{number}", kept, started=f"2026-01-0{number + 1}")
    found, series = read_in(tmp_path)
    ((chart, _),) = charts.of(found, series)
    assert chart.title == "lstm at 64 tokens: saved bytes"
