"""What tests of measure share."""

from __future__ import annotations

import pytest
import torch
from decoders import Counted
from torch import nn

from rnn_vs_attn.measure.decoder import Decoder
from rnn_vs_attn.measure.timing import calls, decoding
from rnn_vs_attn.measure.workload import Workload


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Decoder:
    module = Counted()
    for timing in (calls, decoding):
        monkeypatch.setattr(timing, "perf_counter_ns", module.clock)
    return Decoder(module, torch.zeros(1, 512, dtype=torch.long))


@pytest.fixture
def workload() -> Workload:
    torch.manual_seed(0)
    return Workload.of(nn.Linear(8, 8), torch.randn(2, 4, 8))
