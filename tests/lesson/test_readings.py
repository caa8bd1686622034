"""What lines read: stored runs, and the reasons where there are none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from planted_lesson import bench, readings

from rnn_vs_attn.lesson.parts import PARTS
from rnn_vs_attn.lesson.readings import Lacking, Readings, one, read, takes
from rnn_vs_attn.stats.intervals import estimate


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


def test_what_it_takes_is_rounds_or_a_narrower_interval() -> None:
    assert takes(estimate([1.0, 2.0])) == "2 rounds; an interval at 95% needs 6; a longer --max-seconds has them"
    assert "narrow" in takes(estimate([1.0] * 6))
    assert takes(None).startswith("no interval")


def test_a_part_without_records_is_not_measured_yet() -> None:
    with pytest.raises(Lacking, match="not measured yet"):
        Readings({}, {}).of("gpt")
