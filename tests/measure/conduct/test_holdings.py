"""What a module holds is put back; whole numbers go on."""

from __future__ import annotations

import habits
import torch

from rnn_vs_attn.measure.conduct.holdings import Holdings


def test_whole_numbers_go_on_counting() -> None:
    module = habits.Counts(8)
    held = Holdings(module)
    module(torch.randn(1, 2, 8))
    held.put_back()
    assert int(module.calls) == 1
