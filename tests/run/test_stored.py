"""Stored runs, found in folders and shown again."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes import bench_record
from paths import REFERENCE
from planted_runs import stored

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.run.stored import runs_of, show, suite_of
from rnn_vs_attn.suites.bench.suite import BENCH


def run_at(path: Path, **rest: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return stored(path, bench_record("train_time", "lstm", 64, [0.1]), **rest)


def test_runs_are_found_where_they_are_named_and_up_to_two_folders_below(tmp_path: Path) -> None:
    one, two, three = (run_at(tmp_path / name) for name in ("a/one", "a/two", "lessons/l/three"))
    assert list(runs_of([two, one])) == [two, one]
    assert list(runs_of([tmp_path / "a"])) == [one, two]
    assert list(runs_of([tmp_path / "lessons"])) == [three]


def test_a_run_that_holds_others_is_itself_meant(tmp_path: Path) -> None:
    run_at(tmp_path / "run")
    run_at(tmp_path / "run" / "copy")
    assert list(runs_of([tmp_path / "run"])) == [tmp_path / "run"]


@pytest.mark.parametrize("name", ["", "missing", "a\0b", "x" * 300])
def test_a_folder_without_a_run_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as refused:
        runs_of([tmp_path / name])
    assert "give run folders, or a folder that holds them" in str(refused.value)


def test_a_run_of_ab_says_where_its_answer_is() -> None:
    with pytest.raises(UserError, match=r"is a run of ab; its .*table\.md has what it found"):
        runs_of([REFERENCE / "ab"])


def test_a_run_of_a_suite_that_this_version_lacks_is_an_error(tmp_path: Path) -> None:
    path = run_at(tmp_path / "run")
    assert suite_of(read_run(path), path) is BENCH
    run = read_run(path)
    object.__setattr__(run, "suite", "weather")
    with pytest.raises(UserError, match="is a run of 'weather', which this version does not have"):
        suite_of(run, path)


def test_what_is_shown_of_two_runs_begins_with_where_each_is(capsys: pytest.CaptureFixture[str]) -> None:
    runs = {REFERENCE / name: read_run(REFERENCE / name) for name in ("full/gradflow", "full/decode")}
    show(runs, (), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"gradflow: {REFERENCE / 'full/gradflow'}"
    assert lines[2].startswith("- Gradients through rnn vanish: holds. ")
    assert f"decode: {REFERENCE / 'full/decode'}" in lines


@pytest.mark.parametrize(
    ("run", "model"),
    [("bench", "gru"), ("decode", "lstm"), ("decode", "gpt"), ("gradflow", "lstm"), ("scaling", "attention")],
)
def test_a_run_of_a_model_that_is_not_installed_here_is_shown_whole(
    run: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def elsewhere(axes: Any) -> Any:
        return {name: "of-a-plug-in" if value == model else value for name, value in axes.items()}

    whole = read_run(REFERENCE / "full" / run)
    records = [dataclasses.replace(record, axes=elsewhere(record.axes)) for record in whole.records]
    show({Path(run): dataclasses.replace(whole, records=records)}, (), as_json=False)
    shown = capsys.readouterr().out
    assert any(line.startswith("- ") and "of-a-plug-in" in line for line in shown.splitlines())
    assert "\n| of-a-plug-in |" in shown


def test_a_run_that_was_cut_off_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run"
    run = read_run(run_at(path))
    object.__setattr__(run, "status", "interrupted")
    show({path: run}, (), as_json=False)
    assert capsys.readouterr().out.startswith(f"bench: {path}, not whole: it was interrupted\n")


def test_an_unknown_column_is_an_error_before_anything_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    runs = {REFERENCE / "full/bench": read_run(REFERENCE / "full/bench")}
    with pytest.raises(UserError, match="unknown column 'train Mib s'"):
        show(runs, ("train Mib s",), as_json=False)
    assert capsys.readouterr().out == ""


def test_the_precision_that_a_run_was_asked_for_marks_its_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    run = read_run(REFERENCE / "history" / "00")
    show({Path("run"): run}, (), as_json=False)
    assert "! this interval is wider than the precision asked for, 5.0%" in capsys.readouterr().out


def test_what_cannot_be_shown_in_a_folder_of_runs_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("full/gradflow", "ab"):
        shutil.copytree(REFERENCE / name, tmp_path / Path(name).name)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.json").write_text("{")
    assert list(runs_of([tmp_path])) == [tmp_path / "gradflow"]
    said = capsys.readouterr().err
    assert said.count("note: left out: ") == 2
    assert "is a run of ab" in said
    shutil.rmtree(tmp_path / "gradflow")
    with pytest.raises(UserError, match="holds no run that can be shown"):
        runs_of([tmp_path])
    with pytest.raises(UserError, match="is a run of ab"):
        runs_of([tmp_path / "ab"])


def test_a_run_that_is_named_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another path, or by a link beside it such as `latest`."""
    monkeypatch.chdir(tmp_path)
    one = run_at(Path("results/one"))
    Path("results/latest").symlink_to("one")
    assert list(runs_of([one, tmp_path / "results/one"])) == [one]
    assert len(runs_of([Path("results")])) == 1
    assert list(runs_of([one, Path("results")])) == [one]


def test_links_in_a_circle_lead_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = run_at(tmp_path / "one")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    assert list(runs_of([tmp_path])) == [one]
    assert capsys.readouterr().err == ""


def test_runs_further_down_beside_others_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of a lesson in results/, beside a run of bench."""
    one, _, _ = (run_at(tmp_path / name) for name in ("one", "a-lesson/bench", "a-lesson/decode"))
    run_at(tmp_path / "one/copy")
    run_at(tmp_path / ".jobs/bench")
    assert list(runs_of([tmp_path])) == [one]
    said = capsys.readouterr().err
    assert said == f"note: left out: the runs further down, in {tmp_path / 'a-lesson'}; name that too\n"


def test_what_jobs_left_is_no_run_of_a_sweep(tmp_path: Path) -> None:
    run_at(tmp_path / ".jobs/bench-0000-1")
    with pytest.raises(UserError, match="holds no run"):
        runs_of([tmp_path])


def test_a_folder_s_name_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show({Path("a\n\x1b[2Jb"): read_run(REFERENCE / "full/gradflow")}, (), as_json=False)
    assert capsys.readouterr().out.startswith("gradflow: a\\n\\x1b[2Jb\n")
