"""Sizes of GPT: the published ones and a user's own."""

from __future__ import annotations

import pytest
from planted_variants import gpt, parameters_of

from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.suites.metrics import NUM_PARAMS
from rnn_vs_attn.suites.sizes import counts
from rnn_vs_attn.suites.variants.gpt import case


@pytest.mark.long
@pytest.mark.parametrize("size", ["2x128", "4x256", "1x64", "gpt2", "gpt2-xl"])
def test_sizes_of_gpt_are_counted_as_they_are_built(size: str) -> None:
    assert counts(gpt(size))[NUM_PARAMS] == parameters_of(lambda: GPT(case.shape_of(size)))


def test_own_sizes_are_layers_by_width_with_heads_of_64() -> None:
    made = gpt("6x384")
    assert (made.num_layers, made.d_model, made.num_heads) == (6, 384, 6)
