"""What `variants transformer-xl` says in words beside its claims."""

from __future__ import annotations

from planted_variants import at, xl

from rnn_vs_attn.suites.variants.transformer_xl import analysis, remarks
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL


def test_what_table_9_compares_is_said() -> None:
    records = [at(VARIANTS_TRANSFORMER_XL, "token_time", xl("memory", n), [n * 1e-6] * 6) for n in (800, 3800)]
    records += [
        at(VARIANTS_TRANSFORMER_XL, "token_time", xl("window-1", n), [n * n * 1e-6 / 2] * 6) for n in (800, 3800)
    ]
    said = remarks.remarks([*records, *analysis.derive(records)])
    assert "that is 0.43 to 0.50 throughout (here 0.50)" in said[0]
    assert "no comparison with a decoder that keeps its keys and values" in said[0]


def test_how_a_receptive_field_is_counted_is_said_once() -> None:
    axes = {"position": 3, "memory_len": 8}
    records = [at(VARIANTS_TRANSFORMER_XL, "receptive_field", xl("memory", n), [35.0], **axes) for n in (800, 1800)]
    (said,) = remarks.remarks(records)
    assert said.endswith("position + layers x memory, 35 with 4 layers and 8.")


def test_counts_of_the_released_configurations_are_said_whole() -> None:
    records = analysis.derive([at(VARIANTS_TRANSFORMER_XL, "token_time", xl("memory", 800), [1.0])])
    (said,) = remarks.remarks(records)
    assert "transformer-xl-wt103-large 285,170,506 (257 M)" in said
