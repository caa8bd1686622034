"""`history` at the command line: what is printed and written, exit codes, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from command import assert_one_sentence, run
from paths import REFERENCE
from planted_history import history, steady, stepped

pytestmark = pytest.mark.process
LEVELS = {("lstm", 64): stepped(10, 1.2), ("gru", 64): steady}


def test_everything_at_once(tmp_path: Path) -> None:
    history(tmp_path / "runs", LEVELS, runs=20)
    words = ["--html", "page.html", "--svg", "figures", "--markdown", "history.md", "--json"]
    done = run("history", "runs", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert [entry["run"] for entry in document["runs"]] == [f"runs/run-{n:02}" for n in range(20)]
    assert document["summary"][0].startswith("lstm, forward at 64 tokens: ")
    assert document["summary"][0].endswith(" since 2026-03-11 (commit 0a0a0a0, 10 runs before, 10 after).")
    markdown = (tmp_path / "history.md").read_text()
    assert markdown.startswith(f"**{document['summary'][0]}**\n")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 2
    figures = sorted((tmp_path / "figures").iterdir())
    assert [file.name for file in figures] == [
        "001-lstm-forward-at-64-tokens.svg",
        "002-gru-forward-at-64-tokens.svg",
    ]
    for file in figures:
        ElementTree.fromstring(file.read_text())
    piped = run("history", "runs", cwd=tmp_path)
    assert (piped.returncode, piped.stdout) == (0, markdown)


def test_too_few_runs_are_a_table_and_a_sentence(tmp_path: Path) -> None:
    history(tmp_path, {("lstm", 64): steady}, runs=2)
    done = run("history", str(tmp_path / "run-00"), str(tmp_path / "run-01"))
    assert done.returncode == 0
    assert done.stdout.startswith("**2 runs on one machine are too few to mark a change: 8 or more are needed")
    assert "| lstm | 64 | forward_time | 2 |" in done.stdout


def test_a_larger_margin_marks_less(tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=20)
    done = run("history", str(tmp_path), "--margin", "50%")
    assert done.stdout.startswith("**No level changed in 20 runs of 2 metrics; ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere is no folder; give run folders, or a folder that holds them"),
        (["runs", "--by", "dates"], "unknown order 'dates'; did you mean 'date'?"),
        (["runs", "--margin", "soon"], "--margin 'soon' is not a percentage"),
        (["runs", "--html", "runs"], "cannot write runs (--html): Is a directory"),
        (["runs", "--svg", "runs/run-00/run.json"], "cannot write runs/run-00/run.json/001-lstm"),
    ],
)
def test_a_wrong_call_is_one_sentence(words: list[str], said: str, tmp_path: Path) -> None:
    history(tmp_path / "runs", {("lstm", 64): steady}, runs=3)
    assert_one_sentence(run("history", *words, cwd=tmp_path), said)


def test_runs_of_nothing_that_gets_worse_are_refused(tmp_path: Path) -> None:
    history(tmp_path, {}, runs=3)
    assert_one_sentence(run("history", str(tmp_path)), "no metric that can get better or worse")


def test_it_does_not_load_torch(tmp_path: Path) -> None:
    history(tmp_path, LEVELS, runs=8)
    code = (
        "import sys; from rnn_vs_attn.cli import app; app.app(sys.argv[1:], standalone_mode=False); "
        "print('torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, "history", str(tmp_path), "--html", str(tmp_path / "page.html")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.endswith("False\n")


def test_the_figure_of_the_page_is_that_of_its_runs(tmp_path: Path) -> None:
    done = run("history", str(REFERENCE / "history"), "--by", "commit", "--svg", str(tmp_path / "figures"))
    assert done.returncode == 0, done.stderr
    first = min((tmp_path / "figures").iterdir())
    assert first.read_text() == (REFERENCE / "history/plots/train_time.svg").read_text()
