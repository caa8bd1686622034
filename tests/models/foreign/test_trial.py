"""The first call of a layer: on a copy, in float64 where that is possible, at a length that it takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.foreign.calling import fitted, sees_the_future, wrapped_call
from rnn_vs_attn.models.foreign.trial import called, copy_of

D = 8


class TakesMultiplesOf(nn.Linear):
    def __init__(self, width: int, lengths: int) -> None:
        super().__init__(width, width)
        self.lengths = lengths

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        assert x.shape[1] % self.lengths == 0
        return super().forward(x)


class InFloat32(nn.Linear):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.mul(super().forward(x), 1).view(torch.int32).view(torch.float32)  # float64 has another shape


def test_a_copy_is_tried_in_which_no_gate_is_closed() -> None:
    module = nn.LayerNorm(D)
    probe = copy_of(module)
    assert not probe.training
    assert module.training
    assert probe.bias.all()  # type: ignore[operator]
    assert not module.bias.any()
    assert torch.equal(probe.weight, module.weight)  # type: ignore[arg-type]


def test_float64_comes_before_float32() -> None:
    assert called(copy_of(nn.Linear(D, D)), D, None)[1].dtype == torch.float64
    assert called(copy_of(InFloat32(D, D)), D, None)[1].dtype == torch.float32


def test_a_length_is_found_that_it_takes() -> None:
    x = torch.randn(2, 64, D)
    assert called(copy_of(TakesMultiplesOf(D, 64)), D, None)[1].shape[1] == 64
    assert called(copy_of(TakesMultiplesOf(D, 512)), D, None)[1].shape[1] == 1024
    assert called(copy_of(TakesMultiplesOf(D, 96)), D, 96)[1].shape[1] == 96
    assert fitted(TakesMultiplesOf(D, 64), D)(x).shape == x.shape


def test_a_length_does_not_pass_for_a_width() -> None:
    """A layer of 64 features maps (B, D, L) to its shape where L is 64, and at no other length."""
    with pytest.raises(UserError, match="forward"):
        called(nn.Linear(64, 64), D, None)


class Draws(nn.GRU):
    """Other outputs at every call, in evaluation too."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0] * (torch.rand(self.hidden_size) > 0.5)


class CarriesOn(nn.GRU):
    """Begins where its last call has ended."""

    last: Tensor | None = None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        count = x.shape[0 if self.batch_first else 1]
        begins = None if self.last is None or self.last.shape[1] != count else self.last
        y, last = super().forward(x, begins)
        self.last = last.detach()
        return y


class WritesToItsInput(nn.GRU):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x.mul_(1.5))[0]


@pytest.mark.parametrize("kind", [Draws, CarriesOn, WritesToItsInput])
def test_calls_that_are_compared_begin_alike(kind: type[nn.GRU]) -> None:
    """Each was refused, as its outputs were said to depend on each other over the batch and over the sequence."""
    made = fitted(kind(D, D, batch_first=True), D)
    assert wrapped_call(made) == "forward(x)"
    assert not sees_the_future(made)
    made = fitted(kind(D, D), D)
    assert wrapped_call(made) == "forward(x), x as (L, B, D)"
