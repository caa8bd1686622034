"""What tests of gradients share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _in_float64(in_float64: None) -> None:
    """All of them compute in float64."""
