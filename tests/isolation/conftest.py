"""What tests of isolation share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from rnn_vs_attn.isolation.keeping import Own


@pytest.fixture
def own() -> Iterator[Own]:
    made = Own()
    yield made
    sys.meta_path.remove(made._modules)
