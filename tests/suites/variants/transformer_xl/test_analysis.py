"""Ratios of Transformer-XL to windows and to one long segment."""

from __future__ import annotations

import pytest
from planted_variants import at, xl

from rnn_vs_attn.suites.variants.transformer_xl import analysis
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL


def test_windows_are_held_against_the_memory_of_the_same_length() -> None:
    records = [at(VARIANTS_TRANSFORMER_XL, "token_time", xl("memory", n), [n * 1e-6] * 6) for n in (800, 3800)]
    records += [
        at(VARIANTS_TRANSFORMER_XL, "token_time", xl("window-1", n), [n * n * 1e-6 / 2] * 6) for n in (800, 3800)
    ]
    derived = analysis.derive(records)
    ratios = {r.axes["seq_len"]: r.median for r in derived if r.metric == "ratio"}
    assert ratios == {800: pytest.approx(400), 3800: pytest.approx(1900)}
    beside = analysis.expand([*records, *derived])
    assert {r.axes["seq_len"]: r.median for r in beside} == {800: 363, 3800: 1874}  # Dai et al. 2019, table 9
