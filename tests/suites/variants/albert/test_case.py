"""Sizes of ALBERT as they are built."""

from __future__ import annotations

import pytest
from planted_variants import parameters_of

from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.suites.variants.albert import case


@pytest.mark.long
@pytest.mark.parametrize("size", list(case.SIZES))
def test_sizes_of_albert_are_counted_as_they_are_built(size: str) -> None:
    shape = case.SIZES[size]
    assert shape.num_params == parameters_of(lambda: Albert(shape))
