"""What tests of isolation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from rnn_vs_attn.isolation.keeping import HELD, NOTES, OWN
from rnn_vs_attn.isolation.settings import same


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """After each test every setting is what it was, by its own reading."""
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False  # as torch begins
    settings = [setting for setting in (*HELD, *OWN) if setting.name != "environment variables"]  # pytest has its own
    before = [setting.read() for setting in settings]
    NOTES.tell()
    yield
    NOTES.tell()
    NOTES.spoilt = False
    assert [s.name for s, value in zip(settings, before, strict=True) if not same(s.read(), value)] == []
