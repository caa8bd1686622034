"""Axes exchanged there and back, and a call in words."""

from __future__ import annotations

import torch

from rnn_vs_attn.models.foreign.call_arguments import Arguments
from rnn_vs_attn.models.foreign.companions import Constant
from rnn_vs_attn.models.foreign.convention import Convention, Layout


def test_axes_are_exchanged_there_and_back() -> None:
    x = torch.randn(2, 3, 4)
    shapes = {layout: tuple(layout.exchanged(x).shape) for layout in Layout}
    assert shapes == {
        Layout.BATCH_FIRST: (2, 3, 4),
        Layout.SEQUENCE_FIRST: (3, 2, 4),
        Layout.CHANNELS_FIRST: (2, 4, 3),
    }
    assert all(torch.equal(layout.exchanged(layout.exchanged(x)), x) for layout in Layout)


def test_in_words() -> None:
    convention = Convention(Arguments(beside={"use_cache": Constant(False)}), Layout.SEQUENCE_FIRST, 0)
    assert str(convention) == "forward(x, use_cache=False), x as (L, B, D), [0] of its result"
