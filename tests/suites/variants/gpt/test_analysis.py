"""How GPT's costs grow with its number of parameters."""

from __future__ import annotations

import pytest
from planted_variants import at, gpt

from rnn_vs_attn.suites.variants.gpt import analysis
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT


def test_growth_is_the_exponent_in_the_number_of_parameters() -> None:
    sizes = {"1x64": 1e6, "2x128": 1e7, "gpt2": 1e8}
    records = []
    for size, params in sizes.items():
        records.append(at(VARIANTS_GPT, "num_params", gpt(size), [params]))
        records.append(at(VARIANTS_GPT, "train_time", gpt(size), [(1 + r / 100) * params**0.8 for r in range(6)]))
        records.append(at(VARIANTS_GPT, "peak_memory", gpt(size), [params**0.5] * 6, **{"pass": "train"}))
    found = {str(r.axes["of"]): r for r in analysis.exponents(records)}
    assert found["train_time"].median == pytest.approx(0.8)
    assert found["train_time"].low == pytest.approx(0.8)
    assert found["peak_memory"].median == pytest.approx(0.5)


def test_one_size_has_no_growth() -> None:
    records = [at(VARIANTS_GPT, "num_params", gpt("1x64"), [1e6]), at(VARIANTS_GPT, "step_time", gpt("1x64"), [1.0])]
    assert analysis.exponents(records) == []
