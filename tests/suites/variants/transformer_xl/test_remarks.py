"""What `variants transformer-xl` says of windows and of memory."""

from __future__ import annotations

from planted_variants import at, xl

from rnn_vs_attn.suites.variants.transformer_xl import analysis, remarks
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL


def test_training_memory_is_held_against_one_long_segment() -> None:
    axes = {"pass": "train"}
    records = [
        at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", 801), [30.0] * 6, **axes, memory_len=400),
        at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", 801), [60.0] * 6, **axes, memory_len=0),
    ]
    said = remarks.remarks(analysis.derive(records))
    assert said[0] == (
        "Training over 801 tokens: a segment of 401 after a memory of 400, through which no gradient goes, "
        "takes 0.500 [0.500, 0.500] of what one long segment takes."
    )
