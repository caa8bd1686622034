"""Numbers that are read out of stored times."""

from __future__ import annotations

import pytest

from rnn_vs_attn.records.timing import Steps


def test_the_median_and_the_95th_percentile_of_steps() -> None:
    steps = Steps([float(n) for n in range(4, 21)])
    assert steps.median == 12
    assert steps.percentile_95 == pytest.approx(4 + 0.95 * 16)
