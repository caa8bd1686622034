"""What lines read: stored runs, and the reasons where there are none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from planted_lesson import bench, readings

from rnn_vs_attn.lesson.parts import PARTS
from rnn_vs_attn.lesson.readings import Lacking, Readings, beside, one, read, takes, whole
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.stats.intervals import Estimate, estimate


def test_a_folder_without_runs_has_the_reasons_that_were_given(tmp_path: Path) -> None:
    found = read(tmp_path, PARTS, {"bench": "no time was left"})
    with pytest.raises(Lacking, match="no time was left"):
        found.of("bench")
    with pytest.raises(Lacking, match="not measured yet"):
        found.of("decode")


def test_a_run_that_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "run.json").write_text("{")
    with pytest.raises(Lacking, match=r"run\.json"):
        read(tmp_path, PARTS, {}).of("bench")


def test_of_several_records_that_of_the_longest_length_is_the_one() -> None:
    assert one(readings().of("bench"), "ratio", of="train_time", model="lstm").axes["seq_len"] == 512


def test_what_failed_says_its_own_reason_in_place_of_a_number() -> None:
    failed = [dataclasses.replace(r, status="timeout", error="too slow", median=None) for r in bench()]
    with pytest.raises(Lacking, match="lstm: too slow"):
        one(failed, "ratio", of="train_time", model="lstm")
    with pytest.raises(Lacking, match="there is no step_time of it"):
        one(bench(), "step_time", model="lstm")


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(1.1, 1.3, HOLDS), (0.8, 0.9, FAILS), (0.9, 1.1, UNDECIDED), (None, None, UNDECIDED)]
)
def test_a_bound_is_decided_by_the_whole_interval(low: float | None, high: float | None, verdict: str) -> None:
    assert beside(Estimate(1.0, low, high, 6), 1.0, "above") == verdict
    opposite = {HOLDS: FAILS, FAILS: HOLDS, UNDECIDED: UNDECIDED}[verdict]
    assert beside(Estimate(1.0, low, high, 6), 1.0, "below") == opposite


def test_what_it_takes_is_rounds_or_a_narrower_interval() -> None:
    assert takes(estimate([1.0, 2.0])) == "2 rounds; an interval at 95% needs 6; a longer --max-seconds has them"
    assert "narrow" in takes(estimate([1.0] * 6))
    assert takes(None).startswith("no interval")


def test_of_several_verdicts_one_that_fails_is_that_of_all_and_one_that_is_open_leaves_it_open() -> None:
    assert whole([HOLDS, HOLDS]) == HOLDS
    assert whole([UNDECIDED, HOLDS]) == UNDECIDED
    assert whole([HOLDS, UNDECIDED, FAILS]) == FAILS


def test_a_part_without_records_is_not_measured_yet() -> None:
    with pytest.raises(Lacking, match="not measured yet"):
        Readings({}, {}).of("gpt")
