"""How far two tensors are from each other."""

from __future__ import annotations

import pytest
import torch

from rnn_vs_attn.measure.conduct.differences import distance, same


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([1.0, float("nan")], [1.0, float("nan")], 0.0),
        ([1.0, float("nan")], [1.0, float("inf")], float("inf")),
        ([1.0, float("inf")], [1.0, float("-inf")], float("inf")),
        ([1.0, 0.0], [1.0, float("nan")], float("inf")),
        ([1 + 1j, 0j], [1 - 1j, 0j], 2**0.5),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
    ],
)
def test_distances(a: list[float], b: list[float], expected: float) -> None:
    """Infinities of other signs, and imaginary parts, count."""
    assert distance(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected)
    assert same(torch.tensor(a), torch.tensor(b)) == (expected == 0)
