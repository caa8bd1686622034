"""What `variants gpt` says of what it only counts."""

from __future__ import annotations

from planted_variants import at, gpt

from rnn_vs_attn.suites.variants.gpt import analysis, remarks
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT


def test_what_is_only_counted_is_said() -> None:
    records = [at(VARIANTS_GPT, "num_params", gpt("gpt2"), [1.0]), at(VARIANTS_GPT, "step_time", gpt("gpt2"), [1.0])]
    said = remarks.remarks([*records, *analysis.derive(records)])
    assert said[-1] == "Counted and not measured: gpt2-medium, gpt2-large, gpt2-xl; --size measures what it names."
