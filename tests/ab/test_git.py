"""Git commands as `ab` runs them: what they are protected from, and what is said where they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import git as git_of_user
from repositories import repository

from rnn_vs_attn.ab import git
from rnn_vs_attn.errors import UserError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "/nowhere"),
        ("GIT_WORK_TREE", "/nowhere"),
        ("GIT_INDEX_FILE", "/nowhere/index"),
        ("GIT_OBJECT_DIRECTORY", "/nowhere/objects"),
        ("GIT_CONFIG", "/nowhere/config"),
        ("GIT_SHALLOW_FILE", "/nowhere/shallow"),
        ("GIT_QUARANTINE_PATH", "/nowhere"),
        ("GIT_NAMESPACE", "other"),
    ],
)
def test_variables_that_lead_elsewhere_are_left_out(
    name: str, value: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert git.ask(root, "status", "--porcelain") == ""
    assert git.ask(root, "config", "user.name") == "Ada"
    git.ask(root, "branch", "another")
    assert git_of_user(root, "branch", "--list", "another") == "  another"


def test_other_settings_in_the_environment_stay(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI gives `safe.directory` and credentials."""
    for name, value in {"COUNT": "1", "KEY_0": "user.name", "VALUE_0": "Grace"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert git.ask(root, "config", "user.name") == "Grace"


def test_the_user_s_monitor_of_files_does_not_run(root: Path, tmp_path: Path) -> None:
    program = tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\nprintf 'token\\0'\n")
    program.chmod(0o755)
    git_of_user(root, "config", "core.fsmonitor", str(program))
    git_of_user(root, "status")
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    (root / "new.txt").write_text("")
    assert git.ask(root, "status", "--porcelain") == "?? new.txt"
    assert not (tmp_path / "ran").exists()


def test_a_failure_is_said_with_what_git_complains_of(root: Path) -> None:
    """A folder that cannot be added is named in the line before the last."""
    git_of_user(root, "init", "--quiet", "empty")
    with pytest.raises(UserError, match=r"git add fails in .*: 'empty/' does not have a commit checked out; adding"):
        git.ask(root, "add", "--all")
    assert git.answer(root, "rev-parse", "--verify", "nothing") is None


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("", "no reason given"),
        ("hint: a\nhint: b\n", "hint: b"),
        ("warning: w\nerror: one\nerror: two\nfatal: three\nhint: h\n", "one; two"),
        ("fatal: a: b\n", "a: b"),
    ],
)
def test_errors_come_before_hints(printed: str, said: str) -> None:
    assert git.complaint(printed) == said


def test_only_the_last_line_break_is_taken_off(tmp_path: Path) -> None:
    made = repository(tmp_path / "ends in a line break\n", {"a.py": ""})
    assert git.ask(made, "rev-parse", "--show-toplevel") == str(made)
