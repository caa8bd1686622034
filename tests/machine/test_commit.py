"""What a run keeps of the repository that it was started in."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import git, repository

from rnn_vs_attn.machine import commit, environment

NOTHING = {"git_commit": None, "git_commit_time": None}


def test_a_folder_of_a_repository_has_its_commit_and_when_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, made = repository(tmp_path / "mine", {"layer.py": "one"}), "2026-03-01T10:00:00+00:00"
    script = f"GIT_COMMITTER_DATE='{made}' git commit --quiet --amend --no-edit"
    git(folder, "-c", f"alias.again=!{script}", "again")
    monkeypatch.chdir(folder)
    name = git(folder, "rev-parse", "HEAD")
    assert commit.facts() == {"git_commit": name, "git_commit_time": made}
    assert environment.describe({}, anonymous=True)["git_commit"] == name
    (folder / "layer.py").write_text("two")
    assert commit.facts() == {"git_commit": f"{name}+", "git_commit_time": made}


def test_elsewhere_and_before_the_first_commit_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert commit.facts() == NOTHING
    git(tmp_path, "init", "--quiet")
    assert commit.facts() == NOTHING
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit.facts() == NOTHING
