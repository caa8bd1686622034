"""How far the run in a folder is, wherever it was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from planted_runs import record, stored

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.states import COMPLETE, NOT_BEGUN, UNFINISHED, has_faults, state_of


def test_states_of_a_run(tmp_path: Path) -> None:
    assert state_of(tmp_path / "absent") == NOT_BEGUN
    assert state_of(stored(tmp_path / "a")) == COMPLETE
    content = json.loads((tmp_path / "a/run.json").read_text()) | {"status": "interrupted"}
    (tmp_path / "a/run.json").write_text(json.dumps(content))
    assert state_of(tmp_path / "a") == UNFINISHED


def test_a_run_that_was_killed_before_its_tables_were_written_is_not_whole(tmp_path: Path) -> None:
    (stored(tmp_path / "a") / "table.md").unlink()
    assert state_of(tmp_path / "a") == UNFINISHED


@pytest.mark.parametrize(
    "left",
    [
        (),
        ("samples.jsonl", "records.jsonl"),
        ("samples.jsonl", "records.jsonl.part"),
        ("samples.jsonl", "records.jsonl", "run.json.part"),
        ("samples.jsonl", "records.jsonl", "tokenizer.json"),
    ],
)
def test_a_run_that_was_killed_before_it_measured_is_begun_anew(left: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in left:
        (tmp_path / "a" / name).write_text("{" if name not in ("samples.jsonl", "records.jsonl") else "")
    assert state_of(tmp_path / "a") == NOT_BEGUN
    assert not (tmp_path / "a").exists()


def test_what_others_put_there_is_left_alone(tmp_path: Path) -> None:
    for name, file, text in (("a", "samples.jsonl", "something"), ("d", "tokenizer.json", ""), ("d", "mine", "")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / file).write_text(text)
    (tmp_path / "b").write_text("a file")
    (tmp_path / "c").symlink_to("c")
    for name in "abcd":
        with pytest.raises(UserError, match="move it away"):
            state_of(tmp_path / name)
    assert (tmp_path / "a/samples.jsonl").read_text() == "something"
    assert (tmp_path / "d/mine").exists()


def test_a_head_that_is_no_file_is_damaged_and_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/run.json").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"cannot read .*run\.json"):
        state_of(tmp_path / "a")
    assert (tmp_path / "a/run.json").is_symlink()


def test_faults_are_cases_without_a_number(tmp_path: Path) -> None:
    whole = stored(tmp_path / "a", record("train_time", [0.1]))
    assert not has_faults(whole)
    failed = record("train_time", [], status="out_of_memory", error="no room")
    assert has_faults(stored(tmp_path / "b", failed))
    (whole / "records.jsonl").write_text("{")
    with pytest.raises(UserError, match="line 1 is damaged"):
        has_faults(whole)
