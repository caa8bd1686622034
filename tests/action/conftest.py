"""What tests of the action share."""

from __future__ import annotations

from pathlib import Path

import pytest
from played_runner import Hub, hub


@pytest.fixture
def server(tmp_path: Path) -> Hub:
    """A repository whose branch `topic` left `main` before `main` went on."""
    made = hub(tmp_path, {"notes.txt": "first\n"})
    made.commit("topic", {"topic.txt": "of the branch\n"}, start="main")
    made.commit("main", {"notes.txt": "of others\n"})
    return made
