"""What tests of `ab` share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from planted_pairs import Laboratory
from repositories import FILES, commit, repository


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of two commits: `old.py` is gone in the second, `new.py` is new and `mixers.py` another."""
    made = repository(tmp_path / "a user's répository", FILES)
    (made / "old.py").unlink()
    commit(made, {"mixers.py": "second\n", "new.py": "new\n"})
    return made


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path / "run")
