"""What tests of conduct share."""

from __future__ import annotations

from collections.abc import Iterator

import habits
import pytest


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    habits.KeepsInTheClass.kept.clear()
    yield
    habits.KeepsInTheClass.kept.clear()
