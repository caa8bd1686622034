"""What tests of `lm` share."""

from __future__ import annotations

from pathlib import Path

import pytest
from told_texts import Tell, telling


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    return telling(tmp_path, monkeypatch)
