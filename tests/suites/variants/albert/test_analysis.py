"""Ratios of ALBERT to BERT, formed within rounds."""

from __future__ import annotations

import pytest
from planted_variants import albert, at

from rnn_vs_attn.suites import sizes
from rnn_vs_attn.suites.metrics import FLOPS_PER_TOKEN, NUM_PARAMS
from rnn_vs_attn.suites.variants.albert import analysis
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT


def test_ratios_to_bert_are_formed_within_rounds() -> None:
    """Rounds twice as slow as one another for both: the ratio is 0.9 in each, with no width."""
    slow = [1.0, 2.0, 1.0, 4.0, 3.0, 1.0]
    records = [at(VARIANTS_ALBERT, "train_time", albert("bert-base"), slow)]
    records += [at(VARIANTS_ALBERT, "train_time", albert("albert-base"), [0.9 * value for value in slow])]
    records += [at(VARIANTS_ALBERT, "train_time", albert("albert-large"), slow)]  # no BERT of its shape is there
    (found,) = analysis.ratios(records)
    assert (found.median, found.low, found.high) == pytest.approx((0.9, 0.9, 0.9))
    assert found.axes["size"] == "albert-base"


def test_sharing_saves_parameters_and_not_flops() -> None:
    bert, shared = (sizes.counts(albert(size)) for size in ("bert-base", "bert-base+shared"))
    assert shared[FLOPS_PER_TOKEN] == bert[FLOPS_PER_TOKEN]
    assert shared[NUM_PARAMS] < 0.3 * bert[NUM_PARAMS]
