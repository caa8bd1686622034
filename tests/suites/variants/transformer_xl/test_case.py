"""Released sizes of Transformer-XL."""

from __future__ import annotations

from planted_variants import at, by_size, xl

from rnn_vs_attn.suites.variants.transformer_xl import analysis
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL


def test_released_sizes_of_transformer_xl() -> None:
    records = analysis.derive([at(VARIANTS_TRANSFORMER_XL, "token_time", xl("memory", 8), [1.0])])
    assert by_size(records, "num_params") == {
        "transformer-xl-wt103-base": 151_107_538,
        "transformer-xl-wt103-large": 285_170_506,
        "transformer-xl-enwik8-base": 41_055_436,
        "transformer-xl-enwik8-large": 277_231_820,
    }
