"""Cotangents: signs of equal weight, and how far probes scatter."""

from __future__ import annotations

import math

import pytest
import torch
from gradients import CPU, D, built

from rnn_vs_attn.measure.gradient.flow import by_chunks, cotangents
from rnn_vs_attn.models import build


@pytest.mark.long
def test_probes_scatter_about_the_exact_norm_by_the_predicted_error() -> None:
    """Var of v^T S v for Rademacher v is 2 (||S||_F^2 - sum S_ii^2), S = J J^T (Avron and Toledo 2011, lemma 9)."""
    module, x = built("lstm"), torch.randn(1, 6, D)
    whole = torch.autograd.functional.jacobian(lambda inputs: build.call(module, inputs)[0, -1], x)
    s = whole[:, 0, 4] @ whole[:, 0, 4].T  # distance 1
    predicted = math.sqrt(2 * (s.square().sum() - s.diagonal().square().sum()).item() / 16)
    squares = []
    for seed in range(300):
        torch.manual_seed(seed)
        found = by_chunks(module, x, cotangents(16, D, False, CPU))
        squares.append(D * 10 ** (2 * float(found.log10[1])))
    errors = torch.tensor(squares) - s.trace()
    assert abs(float(errors.mean())) < 4 * predicted / math.sqrt(300)
    assert float(errors.std()) == pytest.approx(predicted, rel=0.2)


def test_cotangents_are_signs_of_equal_weight() -> None:
    probes = cotangents(5, D, False, CPU)
    assert probes.shape == (5, D)
    assert torch.allclose(probes.abs(), torch.full((5, D), 1 / math.sqrt(5 * D)))
    assert 0 < int((probes > 0).sum()) < 5 * D
