"""Fewer digits than float64's are noticed wherever they are on the gradient's way, and only there."""

from __future__ import annotations

import casts
import digits
import pytest
import torch
from gradients import D, flow
from torch import Tensor, nn

from rnn_vs_attn.measure.gradient.passes import TooFewDigits
from rnn_vs_attn.measure.gradient.precision import fewest_digits, refuse_fewer_digits, state_of_few_digits


@pytest.mark.long
@pytest.mark.parametrize("kind", digits.REFUSED)
def test_fewer_digits_are_noticed_at_whatever_depth(kind: type[nn.Module]) -> None:
    """A float32 operation before 3,000 others was not noticed; nor one of a module that is taken in chunks and refuses
    few positions, or has it later than at few.
    """
    module, x = kind(D).double(), torch.randn(1, 50, D)
    with pytest.raises(TooFewDigits, match=r"it computes in (float32|bfloat16) inside") as fault:
        refuse_fewer_digits(module, x)
    assert fault.value.status == "unsupported"


def test_of_several_formats_the_one_of_fewest_digits_is_named() -> None:
    class Several(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.float().bfloat16().float().double().cumsum(1)

    assert fewest_digits(Several(), torch.randn(1, 5, D)) == torch.bfloat16


@pytest.mark.parametrize(
    ("kind", "few"), [(casts.StateInFloat32, True), (casts.OnlyItsStateInFloat32, True), (casts.WithState, False)]
)
def test_a_state_of_few_digits_is_seen(kind: type[nn.Module], few: bool) -> None:
    assert state_of_few_digits(kind(D).double(), torch.randn(1, 1, D)) is few


@pytest.mark.long
@pytest.mark.parametrize("kind", digits.MEASURED)
def test_what_is_beside_the_gradients_way_may_have_few(kind: type[nn.Module]) -> None:
    found = flow(kind(D), 50)
    assert found.warnings == []
    assert bool(found.log10.isfinite().all())
    assert found.route == ("chunks" if kind is digits.GatedInFloat64 else "direct")
