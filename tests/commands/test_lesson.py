"""`lesson` as a user calls it, in seconds: what is not measured is undecided, and everything is kept."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from command import PROGRAM, begin, run
from planted_lesson import whole_lesson
from training_runs import wait_until

from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.records.claims import HOLDS, UNDECIDED


@pytest.mark.slow
def test_a_lesson_of_no_time_has_all_lines_and_goes_on(tmp_path: Path) -> None:
    done = run("lesson", "--max-seconds", "1", "--json", "--device", "cpu", "--output", "lesson", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert [claim["claim"] for claim in document["claims"]] == [line.text for line in LINES]
    assert document["verdicts"][UNDECIDED] > 0
    assert all(claim["why"] for claim in document["claims"] if claim["verdict"] == UNDECIDED)
    assert json.loads((tmp_path / "lesson" / "ledger.json").read_text()) == document
    again = run("lesson", "--resume", "lesson", "--json", "--quiet", cwd=tmp_path)
    assert again.returncode in (0, 4), again.stderr
    assert again.stderr == ""
    assert json.loads(again.stdout)["verdicts"][HOLDS] >= document["verdicts"][HOLDS]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_the_ledger_as_far_as_it_is_known(number: int, code: int, tmp_path: Path) -> None:
    process = begin("lesson", "--device", "cpu", "--output", "lesson", cwd=tmp_path)
    wait_until((tmp_path / "lesson" / "scaling" / "run.json").exists)
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.wait() == code, errors
    assert "of the lesson's 16 claims hold on this machine." in output
    assert errors.startswith("lesson: 16 claims by 8 short runs, at most about 5 min 0 s; into lesson\n")
    assert errors.count("go on with") == errors.count("go on with rnn-vs-attn lesson --resume lesson") == 1
    assert (tmp_path / "lesson" / "ledger.json").exists()


def test_a_whole_lesson_is_printed_again_without_measuring_anything(tmp_path: Path) -> None:
    whole_lesson(tmp_path / "lesson")
    done = run("lesson", "--resume", "lesson", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12 of the lesson's 16 claims hold on this machine.\n4 do not hold here, and 0 are")
    assert done.stdout.count("| does not hold here |") == 4
    assert done.stderr == "Written to lesson/report.html, beside a run for each part, ledger.md and ledger.json\n"


def test_a_pipe_that_is_closed_changes_nothing(tmp_path: Path) -> None:
    whole_lesson(tmp_path / "lesson")
    words = [*PROGRAM, "lesson", "--resume", "lesson"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait() == 0, errors
    assert "Written to lesson" in errors
    assert (tmp_path / "lesson" / "ledger.md").read_text().startswith("12 of the lesson's 16 claims")
