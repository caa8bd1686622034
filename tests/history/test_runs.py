"""Folders to runs in their order, and what is said of those that are left out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from edited_runs import edited
from planted_history import facts, history, steady
from planted_runs import record, stored

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.history.runs import COMMIT, DATE, read

LEVELS = {("lstm", 64): steady}


def one(path: Path, **rest: Any) -> Path:
    return stored(path, record("forward_time", [0.01]), **({"environment": facts(0)} | rest))


def names(folders: list[Path], by: str = DATE) -> list[str]:
    return [Path(entry.name).name for entry in read(folders, by).entries]


def test_runs_stand_in_the_order_in_which_they_began_whatever_their_names(tmp_path: Path) -> None:
    for name, started in (("a", "2026-03-03T08:00:00+00:00"), ("b", "2026-03-03T09:30:00+02:00"), ("c", "2026-03-02")):
        one(tmp_path / name, started=started)
    assert names([tmp_path]) == ["c", "b", "a"]
    assert names([tmp_path / "a", tmp_path / "c"]) == ["c", "a"]


def test_runs_of_old_commits_stand_where_their_commits_do(tmp_path: Path) -> None:
    """Measured in the other order, as when a bisection looks back."""
    for number, started in ((1, "2026-05-03"), (2, "2026-05-02"), (3, "2026-05-01")):
        one(tmp_path / f"{number}", environment=facts(number), started=started)
    assert names([tmp_path], COMMIT) == ["1", "2", "3"]
    assert names([tmp_path], DATE) == ["3", "2", "1"]
    entries = read([tmp_path], COMMIT).entries
    assert [entry.commit for entry in entries] == ["0101010", "0202020", "0303030"]
    assert f"{entries[0].moment:%Y-%m-%d}" == "2026-03-02"


def test_a_commit_with_changes_says_so(tmp_path: Path) -> None:
    one(tmp_path / "a", environment=facts(7, git_commit="ab" * 20 + "+"))
    (entry,) = read([tmp_path], DATE).entries
    assert entry.commit == "abababa+"


def test_what_is_no_whole_run_is_left_out_and_named(tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=5)
    (tmp_path / "run-00/run.json").write_text("{")
    one(tmp_path / "of-ab")
    edited(tmp_path / "of-ab", "run.json", lambda head: head | {"suite": "ab"})
    edited(tmp_path / "run-01", "run.json", lambda head: head | {"status": "interrupted"})
    edited(tmp_path / "run-02", "run.json", lambda head: head | {"started": "soon"})
    (tmp_path / "notes").mkdir()
    found = read([tmp_path], DATE)
    assert len(found.entries) == 2
    assert len(found.notes) == 4
    assert "run-00/run.json is damaged" in found.notes[0]
    assert found.notes[1].endswith("run-02/run.json is damaged: started is 'soon', which is no date")
    assert found.notes[2].startswith("left out, of ab, each of which holds two versions measured against each other")
    assert found.notes[3] == f"left out, interrupted and not whole: {tmp_path / 'run-01'}"


def test_a_run_is_there_once_however_often_it_is_named(tmp_path: Path) -> None:
    history(tmp_path / "all", LEVELS, runs=3)
    first = tmp_path / "all/run-00"
    assert names([first, tmp_path / "all", first, tmp_path / "all/../all/run-00"]) == ["run-00", "run-01", "run-02"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda head: head | {"status": "odd"}, "is damaged"),
        (lambda head: head | {"suite": "ab"}, "run-00 is a run of ab, which holds two versions"),
        (lambda head: head | {"started": "soon"}, "run.json is damaged: started is 'soon', which is no date"),
        (lambda head: head | {"status": "interrupted"}, "no run is left to draw: left out, interrupted and not whole"),
    ],
)
def test_a_run_that_is_named_must_be_one(change: Any, said: str, tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=1)
    edited(tmp_path / "run-00", "run.json", change)
    with pytest.raises(UserError, match=said):
        read([tmp_path / "run-00"], DATE)


def test_what_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run; give run folders, or a folder that holds them"):
        read([tmp_path], DATE)
    with pytest.raises(UserError, match="nowhere is no folder"):
        read([tmp_path / "nowhere"], DATE)
    with pytest.raises(UserError, match=r"cannot read .*File name too long"):
        read([tmp_path / ("a" * 300)], DATE)


def test_runs_of_two_suites_are_not_one_history(tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=2)
    edited(tmp_path / "run-01", "run.json", lambda head: head | {"suite": "decode"})
    with pytest.raises(UserError, match=r"run-00 is a run of 'bench' and .*run-01 of 'decode'; .*such as \*-bench"):
        read([tmp_path], DATE)


def test_runs_without_a_commit_have_no_place_among_commits(tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=3, machine=lambda n: {"git_commit": None} if n else {})
    found = read([tmp_path], COMMIT)
    assert len(found.entries) == 1
    assert found.notes[0].startswith("left out, of no known commit: ")
    shutil.rmtree(tmp_path / "run-00")
    with pytest.raises(UserError, match="no run is left to draw: left out, of no known commit"):
        read([tmp_path], COMMIT)


def test_another_machine_breaks_the_history_where_it_first_appears(tmp_path: Path) -> None:
    """And the one before it goes on, where the two take turns."""
    history(tmp_path, LEVELS, runs=6, machine=lambda n: {"torch": "2.14.0", "load": float(n)} if n in (2, 4) else {})
    found = read([tmp_path], DATE)
    assert [entry.machine for entry in found.entries] == [0, 0, 1, 0, 1, 0]
    assert found.breaks == {2: "torch: 2.13.0 and 2.14.0"}
    (note,) = found.notes
    assert note.startswith("another machine or software from 2026-03-03 (commit 0202020) on: torch: 2.13.0 and 2.14.0;")


def test_inputs_that_are_made_otherwise_break_it_too(tmp_path: Path) -> None:
    one(tmp_path / "a", settings={"inputs": 1}, started="2026-03-01")
    one(tmp_path / "b", settings={"inputs": 2}, started="2026-03-02")
    assert list(read([tmp_path], DATE).breaks) == [1]


def test_days_have_a_time_where_all_runs_are_of_few_days(tmp_path: Path) -> None:
    one(tmp_path / "a", started="2026-03-01T08:05:00+00:00")
    one(tmp_path / "b", started="2026-03-01T09:00:00+00:00")
    found = read([tmp_path], DATE)
    assert found.when(found.entries[0]) == "2026-03-01 08:05"
    one(tmp_path / "c", started="2026-04-01T09:00:00+00:00")
    found = read([tmp_path], DATE)
    assert found.since(found.entries[0]) == "2026-03-01 (commit 0000000)"


def test_parts_of_lessons_are_named_as_their_folders_are(tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=2)
    (tmp_path / "run-00").rename(tmp_path / "bench")
    edited(tmp_path / "run-01", "run.json", lambda head: head | {"suite": "decode"})
    with pytest.raises(UserError, match=r"give runs of one suite, such as \*/bench$"):
        read([tmp_path], "date")
