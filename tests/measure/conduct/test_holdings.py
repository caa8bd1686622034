"""What a module holds is put back; whole numbers go on."""

from __future__ import annotations

from collections.abc import Iterator

import habits
import pytest
import torch

from rnn_vs_attn.measure.conduct.holdings import Holdings


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    habits.KeepsInTheClass.kept.clear()
    yield
    habits.KeepsInTheClass.kept.clear()


def test_whole_numbers_go_on_counting() -> None:
    module = habits.Counts(8)
    held = Holdings(module)
    module(torch.randn(1, 2, 8))
    held.put_back()
    assert int(module.calls) == 1
