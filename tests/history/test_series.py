"""Series out of runs, and changes of their levels: planted ones, exact ones, and none across machines."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
from edited_runs import edited
from planted_history import day, facts, history, steady, stepped
from planted_runs import ECHOES, record, stored

from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.compare.verdicts import FASTER, SLOWER
from rnn_vs_attn.history.runs import DATE, read
from rnn_vs_attn.history.series import Series, in_order_of_weight, judged
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.metrics import CALIBRATION

pytestmark = pytest.mark.long
RULES = Rules(0.02, ("model", "seq_len"), calibration=CALIBRATION, echoes=ECHOES)


def series_of(folder: Path) -> list[Series]:
    return judged(read([folder], DATE), RULES)


def runs_of(folder: Path, values: list[list[Record]]) -> Path:
    for number, records in enumerate(values):
        stored(folder / f"{number:02}", *records, environment=facts(number), started=day(number).isoformat())
    return folder


def test_a_step_is_found_with_its_size_and_its_runs(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): stepped(9, 1.10), ("gru", 64): stepped(9, 0.9), ("rnn", 64): steady}, runs=20)
    found = {series.first.axes["model"]: series for series in series_of(tmp_path)}
    (change,) = found["lstm"].changes
    assert (change.at, change.before, change.after, change.comparison.verdict) == (9, 9, 11, SLOWER)
    assert change.comparison.centre == pytest.approx(1.10, rel=0.02)
    low, high = change.comparison.low, change.comparison.high
    assert low is not None
    assert high is not None
    assert 1.07 < low < 1.10 < high < 1.13
    (change,) = found["gru"].changes
    assert (change.at, change.comparison.verdict) == (9, FASTER)
    assert change.comparison.centre == pytest.approx(0.9, rel=0.02)
    assert found["rnn"].changes == []
    assert [len(part) for part in found["lstm"].stretches()] == [9, 11]


@pytest.mark.parametrize(("mib", "marks"), [(0.3, 0), (0.7, 1), (64.0, 1)])
def test_a_peak_of_resident_memory_is_judged_as_finely_as_it_is_read(tmp_path: Path, mib: float, marks: int) -> None:
    """One of 0.3 MiB in an unchanged model wandered by a half of it with what ran before."""
    runs_of(
        tmp_path,
        [
            [record("peak_memory", [mib * 2**20 * (1.0 if n < 8 else 1.5) + 1000 * (n % 3)], unit="B")]
            for n in range(16)
        ],
    )
    (series,) = series_of(tmp_path)
    assert len(series.changes) == marks


def test_what_is_better_when_higher_is_turned(tmp_path: Path) -> None:
    def tokens(value: float) -> Record:
        return record("tokens", [value], unit="1/s", better="higher")

    runs_of(tmp_path, [[tokens((1000 if n < 8 else 800) + n % 3)] for n in range(16)])
    (series,) = series_of(tmp_path)
    assert [(c.at, c.comparison.verdict) for c in series.changes] == [(8, SLOWER)]
    assert series.changes[0].comparison.centre == pytest.approx(0.8, rel=0.01)


def test_exact_metrics_are_marked_wherever_they_change(tmp_path: Path) -> None:
    """Two runs are enough where there is no noise."""

    def saved(value: float) -> Record:
        return record("saved_bytes", [value], unit="B", exact=True)

    runs_of(tmp_path, [[saved(value)] for value in (0, 1024, 1024, 1536)])
    (series,) = series_of(tmp_path)
    assert not series.judged
    assert [(c.at, c.before, c.after) for c in series.changes] == [(1, 1, 2), (3, 2, 1)]
    assert [c.comparison.centre for c in series.changes] == [None, 1.5]


def test_no_change_is_looked_for_across_machines(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): stepped(10, 1.5)}, 20, machine=lambda n: {"torch": "2.14.0"} if n >= 10 else {})
    found = series_of(tmp_path)
    assert [(series.machine, len(series.points), series.changes) for series in found] == [(0, 10, []), (1, 10, [])]


def test_a_metric_that_means_something_else_is_another_series(tmp_path: Path) -> None:
    runs_of(tmp_path, [[record("size", [5.0], unit="B" if n < 2 else "1")] for n in range(4)])
    assert [(series.meaning.unit, len(series.points)) for series in series_of(tmp_path)] == [("B", 2), ("1", 2)]


def test_failed_cases_and_what_cannot_get_worse_are_no_points(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=3)
    fault = {"status": "timeout", "median": None, "low": None, "high": None, "samples": [], "error": "too slow"}
    edited(tmp_path / "run-01", "records.jsonl", lambda line: line | fault)
    stored(tmp_path / "more", record("num_params", [5.0], unit="1", better="none"), environment=facts(3))
    (series,) = series_of(tmp_path)
    assert [point.at for point in series.points] == [1, 3]  # the run without a start date is the first


def test_seven_runs_are_too_few_for_any_mark(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): stepped(3, 3.0)}, runs=7)
    (series,) = series_of(tmp_path)
    assert (series.judged, series.changes, series.q) == (False, [], 1.0)


def test_the_machine_itself_is_a_family_of_its_own(tmp_path: Path) -> None:
    def both(n: int) -> list[Record]:
        peak: dict[str, Any] = {"unit": "FLOP/s", "better": "higher"}
        machine = Record("bench", {"device": "cpu"}, "peak_flops", samples=[1e9 + n], median=1e9 + n,
                         exact=False, status="ok", low=None, high=None, **peak)  # fmt: skip
        return [
            record("forward_time", [0.01 + 1e-5 * (n % 3)]),
            machine,
            record("tokens_per_second", [5.0], unit="1/s"),
        ]

    runs_of(tmp_path, [both(n) for n in range(8)])
    assert [(s.meaning.name, s.calibration) for s in series_of(tmp_path)] == [
        ("forward_time", False),
        ("peak_flops", True),
    ]


def test_the_spread_is_that_from_run_to_run_and_a_step_moves_it_little(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): stepped(30, 1.5)}, runs=60, sd=0.03)
    (series,) = series_of(tmp_path)
    logs = [math.log(point.record.median or 1) for point in series.points]
    assert series.spread == pytest.approx(stdev(logs[:30]), rel=0.35)
    assert series.spread < 0.25 * stdev(logs)


def test_what_is_worse_now_comes_first(tmp_path: Path) -> None:
    levels = {
        ("steady", 64): steady,
        ("better", 64): stepped(10, 0.8),
        ("back", 64): lambda n: 1.3 if 6 <= n < 14 else 1.0,
        ("worse", 64): stepped(10, 1.1),
        ("worst", 64): stepped(10, 1.2),
    }
    history(tmp_path, levels, runs=20)
    ordered = in_order_of_weight(series_of(tmp_path))
    assert [series.first.axes["model"] for series in ordered] == ["worst", "worse", "back", "better", "steady"]
