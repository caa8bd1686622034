"""What takes one position at a time is told from what takes one sequence at a time."""

from __future__ import annotations

import foreign_layers as layers
import torch
from torch import nn

from rnn_vs_attn.models.foreign.cells import is_cell, over_positions

D = 8


def test_a_cells_rows_are_apart_and_a_sequences_are_not() -> None:
    with torch.no_grad():
        assert is_cell(nn.GRUCell(D, D), D) is True
        assert is_cell(layers.OneSequence(D), D) is False
        assert is_cell(nn.Embedding(10, D), D) is None


def test_a_cell_that_takes_no_state_gets_none() -> None:
    assert over_positions(nn.Linear(D, D), D)[0].startswith("return torch.stack([self.layer(x_t)")
