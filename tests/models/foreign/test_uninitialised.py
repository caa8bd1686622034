"""A parameter that nothing initialised is named; one that is written to after `torch.empty` is none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.foreign.calling import fitted
from rnn_vs_attn.models.foreign.uninitialised import marked, refuse


class Decay(nn.Module):
    """Its decay is for the model around it to set."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.u = nn.Linear(width, width)
        self.decay = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.u(x) * self.decay


def test_what_nothing_initialised_is_named() -> None:
    with marked():
        layer = Decay(8)
    with pytest.raises(UserError, match="its parameter decay is not initialised when it is built alone"):
        fitted(layer, 8)


def test_what_is_initialised_is_what_it_is_without() -> None:
    torch.manual_seed(0)
    plain = [nn.GRU(8, 8), nn.MultiheadAttention(8, 2)]
    torch.manual_seed(0)
    with marked():
        made = [nn.GRU(8, 8), nn.MultiheadAttention(8, 2)]
    for one, other in zip(plain, made, strict=True):
        refuse(other)
        for name, parameter in one.state_dict().items():
            assert torch.equal(parameter, other.state_dict()[name])


def test_nothing_stays_of_it_but_what_the_layer_sets() -> None:
    with marked():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    with marked():
        torch.use_deterministic_algorithms(True)
    assert torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)


def test_nothing_stays_of_it_where_the_layer_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="no such width"), marked():
        raise ValueError("no such width")
    assert torch.get_deterministic_debug_mode() == 0


@pytest.mark.parametrize("mode", ["warn", "error"])
def test_what_the_user_has_set_stays(mode: str) -> None:
    torch.set_deterministic_debug_mode(mode)
    try:
        before = torch.get_deterministic_debug_mode()
        with marked():
            assert torch.get_deterministic_debug_mode() == before
        assert torch.get_deterministic_debug_mode() == before
    finally:
        torch.set_deterministic_debug_mode("default")
