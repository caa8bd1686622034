"""`lesson` as a user calls it, in seconds: what is not measured is undecided, and everything is kept."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from command import begin, run
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
    assert "go on with rnn-vs-attn lesson --resume lesson" in errors
    assert (tmp_path / "lesson" / "ledger.json").exists()
