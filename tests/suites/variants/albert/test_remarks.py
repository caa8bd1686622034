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


def test_what_bert_is_here_and_the_papers_tables_are_said() -> None:
    records = analysis.derive([at(VARIANTS_ALBERT, "forward_time", albert("bert-base"), [1.0])])
    bert, widths, sharing, *_ = remarks.remarks(records)
    assert "the released BERT-base has 30522 tokens and 109,482,240 parameters" in bert
    assert "E 64, none: 87.6 M (87 M)" in widths
    assert "E 768, attention: 83.1 M (83 M)" in sharing
