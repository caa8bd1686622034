"""How far back an output depends on what was read."""

from __future__ import annotations

import pytest
import torch
from planted_variants import xl
from torch import Tensor, nn

from rnn_vs_attn.measure.dataflow.receptive_field import receptive_field
from rnn_vs_attn.suites.variants.transformer_xl import measure


class Window(nn.Module):
    """The sum of the last `width` ids but for one in between."""

    def __init__(self, width: int, gap: int) -> None:
        super().__init__()
        self.width, self.gap = width, gap

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens.double()[:, -self.width :].flip(1)
        return seen.sum() - seen[:, self.gap].sum()


def test_the_receptive_field_is_the_last_distance_and_no_gap_before_it() -> None:
    tokens = torch.randint(7, (1, 12))
    assert receptive_field(Window(9, 4), tokens, 7) == 8
    assert receptive_field(lambda ids: torch.zeros(1), tokens, 7) == -1


@pytest.mark.long
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_receptive_field_with_memory_is_position_and_layers_times_memory(num_layers: int) -> None:
    """Dai et al. 2019, section 3.2: O(N x L); without memory the segment's own positions."""
    torch.manual_seed(0)
    case = xl("memory", 16, num_layers=num_layers)
    found = {s.axes["memory_len"]: s.value for s in measure._receptive_fields(case)}
    assert found == {0: 3, 8: 3 + num_layers * 8}
