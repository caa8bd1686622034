"""`ab` with the user's pyproject.toml, and under `git bisect run`: whole commands on what has no noise."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import PROGRAM, begin, run
from repositories import commit, git, repository, write

SMALL = "--d-model 8 --batch-size 1 --pass forward --screen 5 --confirm 5 --margin 90%".split()
KEEPS = """\
import torch
from torch import nn


class Mixer(nn.Module):
    KEPT = {kept}  # copies for the backward pass

    def __init__(self, d_model):
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x):
        y = self.project(x)
        saved = torch.cat([y] * self.KEPT)
        return y + 0 * torch.tanh(saved).sum()
"""
TABLE = """\
[tool.rnn-vs-attn.ab]
model = ["layers:Mixer"]
seq-len = 8
d-model = 8
batch-size = 1
pass = "forward"
margin = "90%"
screen = 5
confirm = 5
max-seconds = 0.001
"""
ACCEPT = """
[[tool.rnn-vs-attn.ab.accept]]
model = "layers:Mixer"
metric = "saved_bytes"
until = {until}
why = {why}
"""


def layers(kept: int) -> str:
    return KEEPS.format(kept=kept)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a layer that keeps its output for the backward pass once."""
    made = repository(tmp_path / "repository", {"layers.py": layers(1), ".gitignore": "__pycache__/\nrun/\n"})
    monkeypatch.chdir(made)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return made


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `--json` printed, with the exit code that it says."""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode
    return found


def saved(found: dict[str, Any]) -> dict[str, Any]:
    (row,) = (c for c in found["comparisons"] if c["metric"] == "saved_bytes")
    return dict(row)


# pyproject.toml


@pytest.mark.slow
def test_a_call_needs_no_word_but_the_baseline_and_says_what_it_took_from_the_file(root: Path) -> None:
    write(root, {"layers.py": layers(4), "pyproject.toml": TABLE})
    found = document(run("ab", "main", "--json", "--output", "run"))
    assert found["exit_code"] == 1
    row = saved(found)
    assert (row["verdict"], row["centre"], row["limit"]) == ("slower", 4.0, None)
    assert (row["axes"]["seq_len"], row["axes"]["d_model"]) == (8, 8)
    assert found["margin"] == 0.9
    assert found["notes"][0] == (
        "from pyproject.toml, which the command to repeat it reads again: "
        "model, seq-len, batch-size, d-model, pass, margin, screen, confirm, max-seconds"
    )


@pytest.mark.slow
def test_what_is_accepted_does_not_turn_the_build_red(root: Path, tmp_path: Path) -> None:
    why = '"it\'s \\u001b[31m<b>*worth*</b> it"'
    write(root, {"layers.py": layers(4), "pyproject.toml": TABLE + ACCEPT.format(until="2999-12-31", why=why)})
    files = ["--output", "run", "--markdown", str(tmp_path / "ab.md"), "--junit", str(tmp_path / "ab.xml")]
    done = run("ab", "main", "--json", *files)
    found = document(done)
    assert saved(found)["verdict"] == "accepted"
    assert found["counts"]["accepted"] == 1
    assert found["exit_code"] == 3  # of its times there were too few pairs
    assert saved(found)["details"]["accepted"]["until"] == "2999-12-31"
    assert found["accepted"][0]["of"] == {"model": ["layers:Mixer"], "metric": ["saved_bytes"]}
    text = (tmp_path / "ab.md").read_text()
    assert "| accepted |" in text
    assert "\x1b" not in text
    assert "<b>" not in text
    junit = (tmp_path / "ab.xml").read_text()
    assert 'failures="0"' in junit
    assert "accepted until 2999-12-31: it's" in junit


@pytest.mark.slow
def test_what_ran_out_is_red_again(root: Path) -> None:
    write(root, {"layers.py": layers(4), "pyproject.toml": TABLE + ACCEPT.format(until="2020-01-31", why="'so'")})
    found = document(run("ab", "main", "--json", "--output", "run"))
    assert found["exit_code"] == 1
    assert saved(found)["reason"] == "its acceptance ran out on 2020-01-31"
    assert any(note.endswith("(so) ran out on 2020-01-31, so it counts again") for note in found["notes"])


@pytest.mark.slow
def test_a_case_with_a_limit_of_its_own_is_judged_by_it(root: Path) -> None:
    margins = '\n[[tool.rnn-vs-attn.ab.margins]]\nmetric = "saved_bytes"\nmargin = "400%"\n'
    write(root, {"layers.py": layers(4), "pyproject.toml": TABLE + margins})
    row = saved(document(run("ab", "main", "--json", "--output", "run")))
    assert (row["verdict"], row["limit"]) == ("same", 4.0)


def test_a_file_that_cannot_be_used_is_a_wrong_call(root: Path) -> None:
    write(root, {"layers.py": layers(4), "pyproject.toml": TABLE + 'colour = "\\u001b[31m"\nmodle = 3\n'})
    done = run("ab", "main")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: pyproject.toml, [tool.rnn-vs-attn.ab]: unknown key 'colour'; allowed: ")
    assert done.stderr.endswith("unknown key 'modle'; did you mean 'model'?\n")


# git bisect run


@pytest.mark.slow
def test_git_finds_the_commit_that_keeps_more(root: Path) -> None:
    """Eight commits: the sixth keeps four times as much, the fourth, where git looks first, cannot be imported."""
    commits = [git(root, "rev-parse", "HEAD")]
    for number in range(1, 8):
        kept = 4 if number >= 5 else 1
        source = "import no_such_module\n" * (number == 3) + f"# {number}\n" + layers(kept)
        commits.append(commit(root, {"layers.py": source}))
    write(root, {"pyproject.toml": "[tool.rnn-vs-attn.ab]\nno such file is read"})  # git does not know it
    git(root, "bisect", "start", commits[-1], commits[0])
    words = [*PROGRAM, "ab", commits[0], "--bisect", "--model", "layers:Mixer", "--seq-len", "8", *SMALL]
    done = subprocess.run(
        ["git", "bisect", "run", *words], cwd=root, capture_output=True, text=True, timeout=600, check=False
    )
    assert f"{commits[5]} is the first bad commit" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("bisect: ")]
    assert sum("HEAD" in line or "working tree" in line for line in lines) == len(lines) >= 3
    assert sum(" is skipped (125): layers:Mixer is broken: " in line for line in lines) == 1
    assert all(" is good (0): " in line or " is slower (1): " in line or " is skipped " in line for line in lines)


def bisected(*words: str) -> subprocess.CompletedProcess[str]:
    return run("ab", *words, "--bisect", "--seq-len", "8", *SMALL)


def test_the_files_of_the_good_commit_are_good(root: Path) -> None:
    done = bisected("main", "--model", "layers:Mixer")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("bisect: HEAD (")
    assert " is good (0): Nothing to compare: " in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["main"], "--model is missing"),
        (["mian", "--model", "layers:Mixer"], "unknown git reference 'mian'"),
        (["main", "HEAD", "--model", "layers:Mixer"], "leave the second reference out"),
        (["main", "--model", "layers:Mixer", "--no-such-option"], "No such option"),
        (["main", "--model", "layers:Mixer", "--seed", "many"], "Invalid value for '--seed'"),
        (["--aa"], "name that one"),
        (["main", "--model", "layers:None"], "exists on neither side"),
        (["main", "--model", "lstm"], "is built into this program"),
    ],
)
def test_a_wrong_call_stops_a_bisect(root: Path, words: list[str], said: str) -> None:
    write(root, {"layers.py": layers(4)})
    done = bisected(*words)
    assert done.returncode == 128
    assert said in done.stderr


def test_a_commit_that_cannot_be_set_up_is_skipped(root: Path) -> None:
    write(root, {"layers.py": layers(4), "setup-fails": ""})
    done = bisected("main", "--model", "layers:Mixer", "--setup", "test ! -e setup-fails")
    assert done.returncode == 125
    assert done.stderr.startswith(
        "bisect: HEAD is skipped (125): --setup 'test ! -e setup-fails' ended with exit code 1"
    )
    assert bisected("main", "--model", "layers:Mixer", "--setup", "false").returncode == 128


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_stops_a_bisect(root: Path, tmp_path: Path, number: int) -> None:
    write(root, {"layers.py": layers(4)})
    started = tmp_path / "started"
    setup = f"touch '{started}'; sleep 600"
    running = begin("ab", "main", "--bisect", "--model", "layers:Mixer", "--setup", setup)
    while not started.exists():
        time.sleep(0.02)
    running.send_signal(number)
    running.communicate()
    assert running.returncode == 128


def test_a_program_that_cannot_be_loaded_stops_a_bisect(root: Path, tmp_path: Path) -> None:
    """Python's own exit code for an exception is 1, which would call the commit slower."""
    write(tmp_path, {"broken/typer/__init__.py": "raise RuntimeError('half installed')\n"})
    surroundings = os.environ | {"PYTHONPATH": str(tmp_path / "broken")}
    words = [sys.executable, "-m", "rnn_vs_attn", "ab", "main", "--bisect"]
    done = subprocess.run(words, cwd=root, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 128
    assert done.stderr == "error: rnn-vs-attn cannot be loaded: RuntimeError: half installed\n"
