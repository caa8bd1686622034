"""What float64 does not carry is absent, and no zero."""

from __future__ import annotations

import math

import flows
import pytest
import torch
from gradients import D, distance_between, flow, powers

from rnn_vs_attn.measure.gradient.norms import carried

# What there is not


@pytest.mark.long
def test_what_float64_does_not_carry_is_absent_and_said() -> None:
    found = flow(flows.Halves(D), 1200)
    first = int(found.log10.isnan().nonzero()[0])
    assert first == pytest.approx(290 / math.log10(2), abs=1)
    assert bool(found.log10[first:].isnan().all())
    assert f"from distance {first} on" in found.warnings[0]
    assert distance_between(found.log10[:first], powers(0.5, first)) < 1e-9


def test_a_gradient_that_overflows_is_absent_and_said() -> None:
    found, most, warnings = carried(torch.tensor([0.0, 250.0, math.inf, math.nan]))
    assert found.isnan().tolist() == [False, False, True, True]
    assert most.tolist() == [0.0, 250.0, math.inf, math.inf]
    assert "above what float64 can carry" in warnings[0]


# What a user's module may hide


def test_a_jump_below_float64_is_no_zero() -> None:
    found = flow(flows.Steep(D), 4)
    assert found.log10.isnan().tolist() == [False, False, True, True]
