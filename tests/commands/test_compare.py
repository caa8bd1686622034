"""`compare` at the command line: exit codes, what is refused and how it is said."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command import run
from paths import ROOT
from planted_runs import record, stored, values

from rnn_vs_attn.records.migrations import SCHEMA

CPU, GRADFLOW = ROOT / "results/reference/full/bench", ROOT / "results/reference/full/gradflow"


def two(path: Path, factor: float = 1.0) -> list[str]:
    """Two stored runs of eight rounds, the second `factor` times slower."""
    return [
        str(
            stored(
                path / name,
                record("forward_time", values(8, of, seed=i)),
                record("train_time", values(8, of, seed=i + 2)),
            )
        )
        for i, (name, of) in enumerate((("old", 1.0), ("new", factor)))
    ]


def compare(*words: str) -> subprocess.CompletedProcess[str]:
    return run("compare", *words)


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.5, 1), (0.6, 0)])
def test_a_slowdown_beyond_the_widened_margin_is_exit_1(factor: float, code: int, tmp_path: Path) -> None:
    done = compare(*two(tmp_path, factor))
    assert done.returncode == code, done.stderr
    assert ("slower |" in done.stdout) == (code == 1)
    assert "of times 12%, as this machine's spread from day to day is 4.0% (the default" in done.stdout


def test_json_is_one_document(tmp_path: Path) -> None:
    done = compare(
        *two(tmp_path, 1.5), "--json", "--junit", str(tmp_path / "j.xml"), "--markdown", str(tmp_path / "m.md")
    )
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"], document["counts"]) == (1, 1, {"slower": 2})
    assert document["widened_margin"] == pytest.approx(0.03 + 1.645 * 2**0.5 * 0.04)
    assert {c["verdict"] for c in document["comparisons"]} == {"slower"}
    assert (tmp_path / "j.xml").read_text().count("<failure") == 2
    assert (tmp_path / "m.md").read_text().startswith("**2 of 2 timings got slower by more than 12 %; the worst is ")


def test_a_run_of_gradflow_against_itself_is_not_slower() -> None:
    done = compare(str(GRADFLOW), str(GRADFLOW))
    assert done.returncode == 0
    assert "0 slower, 0 faster" in done.stdout
    assert "| reach |" in done.stdout


def test_too_few_rounds_for_so_many_cases_is_no_pass() -> None:
    """The reference run has its memory in six rounds, which cannot decide among 150."""
    done = compare(str(CPU), str(CPU))
    assert done.returncode == 3
    assert "too few rounds: 6 against 6 can show nothing among 150 metrics of cases; 7 in each run can" in done.stdout


def test_unlike_machines_are_no_verdict_and_an_advisory_table_on_request(tmp_path: Path) -> None:
    old, new = two(tmp_path, 1.5)
    head = Path(new) / "run.json"
    head.write_text(head.read_text().replace("abacus", "slide rule"))
    done = compare(old, new)
    assert done.returncode == 3
    assert "differs: cpu: abacus and slide rule" in done.stdout
    assert "| forward_time |" not in done.stdout
    done = compare(old, new, "--any-machine")
    assert done.returncode == 3
    assert "ADVISORY ONLY, the machines differ in cpu: abacus and slide rule" in done.stdout
    assert "| forward_time | slower |" in done.stdout


def test_runs_of_the_machine_set_the_margin(tmp_path: Path) -> None:
    for number, factor in enumerate((1.0, 1.01, 0.99, 1.005, 0.995)):
        stored(tmp_path / "history" / str(number), record("forward_time", values(8, factor)))
    runs = two(tmp_path, 1.08)
    assert compare(*runs).returncode == 0
    done = compare(*runs, "--spread-from", str(tmp_path / "history"))
    assert done.returncode == 1
    assert f"(from 5 runs in {tmp_path / 'history'})" in done.stdout


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return change


def cut(folder: Path) -> None:
    file = folder / "records.jsonl"
    file.write_bytes(file.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "records.jsonl, line 2 is damaged"),
        (
            rewrite("run.json", f'"schema": {SCHEMA}', '"schema": 7'),
            f"run.json has schema 7; this version reads schemas 1 to {SCHEMA}",
        ),
        (rewrite("run.json", '"suite": "bench"', '"suite": "gradflow"'), "compare runs of one suite"),
        (rewrite("records.jsonl", '"median":0.0', '"median":-0.0'), "line 1 is damaged: forward_time is -0.0"),
        (rewrite("records.jsonl", '"low":null', '"low":NaN'), "records.jsonl, line 1 is damaged"),
        (lambda folder: (folder / "records.jsonl").unlink(), "is this the folder of a run?"),
        (shutil.rmtree, "is this the folder of a run?"),
    ],
)
def test_a_damaged_baseline_is_one_sentence_that_names_it(
    damage: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    old, new = two(tmp_path)
    damage(Path(old))
    done = compare(old, new)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert old in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([str(CPU)], "compare takes two runs, baseline and candidate, and was given 1"),
        ([str(CPU)] * 3, "was given 3; rnn-vs-attn history draws any number of them over time"),
        ([str(CPU), str(CPU), "--margin", "soon"], "--margin 'soon' is not a percentage"),
        ([str(CPU), str(CPU), "--margin", "-3%"], "--margin '-3%'"),
        ([str(CPU), str(CPU), "--spread-from", str(ROOT / "results/reference")], "5 or more are needed"),
    ],
)
def test_a_wrong_call_is_one_sentence(words: list[str], said: str) -> None:
    done = compare(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
