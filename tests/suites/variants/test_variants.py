"""`variants`: published sizes, times as `bench` takes them, ratios and exponents, receptive fields by their formula."""

from __future__ import annotations

from planted_variants import at, gpt

from rnn_vs_attn import export
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT


def test_exports_name_a_case_by_its_size_and_not_by_what_follows_from_it() -> None:
    found = [export.label(at(VARIANTS_GPT, "num_params", gpt(size), [1.0])) for size in ("gpt2", "1x64")]
    ending = "dtype=float32/device=cpu/threads=1/size="
    assert found == [f"variants-gpt/gpt/seq_len=64/{ending}{size}" for size in ("gpt2", "1x64")]
