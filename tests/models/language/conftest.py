"""What tests of language models share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """A folder in Hugging Face's layout of one of their models."""

    def save(model: Any) -> Path:
        model.save_pretrained(tmp_path / "theirs")
        return tmp_path / "theirs"

    return save
