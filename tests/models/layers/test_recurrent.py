"""Recurrent layers of torch: published counts."""

from __future__ import annotations

from torch import nn

from rnn_vs_attn.models.build import count_parameters


def test_published_parameter_counts() -> None:
    """nn.RNN, GRU and LSTM of input 48 and hidden size 64 have 7,296, 21,888 and 29,184: two bias vectors each."""
    for kind, count in ((nn.RNN, 7_296), (nn.GRU, 21_888), (nn.LSTM, 29_184)):
        assert count_parameters(kind(48, 64)) == count
