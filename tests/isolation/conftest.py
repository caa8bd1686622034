"""What tests of isolation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from rnn_vs_attn.isolation.keeping import HELD, NOTES, OWN
from rnn_vs_attn.isolation.patches import NAMESPACES
from rnn_vs_attn.isolation.settings import same
from rnn_vs_attn.isolation.threads import THREADS


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """After each test every setting is what it was, by its own reading."""
    NAMESPACES.apply({})  # a worker's answers, made in this process by another test, watch torch.set_num_threads
    THREADS.forget()
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False  # as torch begins
    settings = [setting for setting in (*HELD, *OWN) if setting.name != "environment variables"]  # pytest has its own
    before = [setting.read() for setting in settings]
    NOTES.tell()
    yield
    NOTES.tell()
    NOTES.spoilt = False
    assert [s.name for s, value in zip(settings, before, strict=True) if not same(s.read(), value)] == []
