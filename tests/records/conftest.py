"""What tests of records share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_vs_attn.records.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    made = RunFolder.create(tmp_path / "run")
    yield made
    made.close()
