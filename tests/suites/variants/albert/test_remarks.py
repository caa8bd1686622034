"""What `variants albert` says of counts and of the papers' tables."""

from __future__ import annotations

import pytest
from planted_variants import albert, at, parameters_of

from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.suites.variants.albert import analysis, remarks
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT

# Counts


@pytest.mark.long
@pytest.mark.parametrize("table", [analysis.EMBEDDINGS, analysis.SHARING])
def test_the_papers_tables_of_the_switches_are_those_of_the_model(table: dict[tuple[int, str], float]) -> None:
    """Lan et al. 2020, tables 3 and 4, in whole millions; 1.2 million cover its rounding and its heads."""
    for (embedding_dim, sharing), figure in table.items():
        shape = analysis.shape_at(embedding_dim, sharing)
        assert shape.num_params == parameters_of(lambda shape=shape: Albert(shape))
        assert abs(shape.num_params - figure) < 1.2e6, (embedding_dim, sharing)


def test_counts_that_differ_from_the_papers_are_said() -> None:
    records = analysis.derive([at(VARIANTS_ALBERT, "forward_time", albert("bert-base"), [1.0])])
    (said,) = [line for line in remarks.remarks(records) if line.startswith("Parameters, with")]
    assert "albert-xxlarge 222,595,584 against 235 M" in said
    assert "albert-base" not in said
