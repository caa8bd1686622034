"""Which outputs depend on which inputs, held against layers that are written to depend on some."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rnn_vs_attn.models.foreign.axes import apart, looks_ahead, mixes, seen_by_last

X = torch.randn(3, 8, 4, dtype=torch.float64)


@pytest.mark.parametrize(
    ("run", "over_batch", "over_length", "ahead"),
    [
        (lambda x: 2 * x, False, False, False),
        (lambda x: x.cumsum(1), False, True, False),
        (lambda x: x.flip(1).cumsum(1).flip(1), False, True, True),
        (lambda x: x.cumsum(0), True, False, False),
        (lambda x: x.flip(0), True, False, False),
        (lambda x: x + x.roll(1, 1), False, True, True),  # the first sees the last
        (lambda x: x + x.mean(), True, True, True),
        (lambda x: x.unflatten(1, (4, 2)).cumsum(2).flatten(1, 2), False, True, False),  # within pairs
    ],
)
def test_what_depends_on_what(
    run: Callable[[Tensor], Tensor], over_batch: bool, over_length: bool, ahead: bool
) -> None:
    assert (mixes(run, X, 0), mixes(run, X, 1), looks_ahead(run, X)) == (over_batch, over_length, ahead)


def test_what_the_last_output_sees() -> None:
    assert seen_by_last(lambda x: x + x.roll(3, 1), X) == [position in (4, 7) for position in range(8)]


def test_another_order_of_sums_is_no_difference() -> None:
    assert not apart(X, X * (1 + 1e-14))
    assert apart(X, X * (1 + 1e-8))
