"""The maximum path between positions, against what layers do by their definition."""

from __future__ import annotations

import math

import pytest
from paths import SCALES
from planted_scaling import path


@pytest.mark.long
@pytest.mark.parametrize("name", ["attention", "attention-naive", "attention-relative", f"{SCALES}:Attending"])
def test_attention_takes_one_operation_from_end_to_end(name: str) -> None:
    assert [path(name, n) for n in (4, 8, 16)] == [1, 1, 1]


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["rnn", "gru", "lstm", "lstm-cell", "mingru", *(f"{SCALES}:{c}" for c in ("Loop", "Wrapped", "Rotating"))]
)
def test_a_recurrence_takes_one_operation_a_position(name: str) -> None:
    assert [path(name, n) for n in (2, 4, 8, 16)] == [2, 4, 8, 16]


@pytest.mark.long
@pytest.mark.parametrize("kernel_size", [2, 3, 4])
def test_dilated_convolutions_take_a_logarithm(kernel_size: int) -> None:
    lengths = (4, 8, 9, 16, 27, 32)
    levels = [next(m for m in range(9) if kernel_size**m >= n) for n in lengths]
    assert [path("conv", n, kernel_size=kernel_size) for n in lengths] == levels


@pytest.mark.long
def test_a_users_dilated_convolutions_take_a_logarithm() -> None:
    assert [path(f"{SCALES}:Dilated", n) for n in (4, 8, 16, 27, 32)] == [2, 2, 3, 3, 4]


@pytest.mark.long
@pytest.mark.parametrize("window", [2, 3, 4])
def test_restricted_attention_takes_one_layer_a_window(window: int) -> None:
    lengths = (4, 8, 16)
    assert [path("attention-local", n, window=window) for n in lengths] == [
        math.ceil((n - 1) / (window - 1)) for n in lengths
    ]


@pytest.mark.long
def test_a_users_windows_by_a_mask_are_seen() -> None:
    assert [path(f"{SCALES}:Masked", n) for n in (3, 5, 9)] == [1, 2, 4]


@pytest.mark.long
def test_a_maximum_is_a_joint_whichever_of_its_values_is_the_larger_one() -> None:
    assert [path(f"{SCALES}:RunningMaximum", n) for n in (4, 6, 8, 12, 16)] == [3, 5, 7, 11, 15]


@pytest.mark.long
def test_zeros_to_add_to_are_no_state() -> None:
    assert [path(f"{SCALES}:Experts", n) for n in (4, 6, 8)] == [1, 1, 1]


@pytest.mark.long
def test_work_on_one_position_beside_the_state_is_no_operation_more() -> None:
    """Linear attention reads its state at each position with that position's query."""
    assert [path(f"{SCALES}:Linearised", n) for n in (4, 8)] == [4, 8]


@pytest.mark.long
def test_where_no_position_sees_another_there_is_no_route() -> None:
    assert path(f"{SCALES}:Pointwise", 8) is None


@pytest.mark.long
def test_a_layer_that_is_not_needed_makes_no_route_longer() -> None:
    """The first position attends to itself alone, so the first input passes a layer there."""
    assert path("attention", 8, num_layers=2) == 1
