"""What tests of runs share."""

from __future__ import annotations

from pathlib import Path

import pytest
from laboratory import Laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path / "run")
