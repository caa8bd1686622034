"""What the worker measures of Transformer-XL: windows, memory and calls after it."""

from __future__ import annotations

from typing import Any

import torch
from planted_variants import xl

from rnn_vs_attn.models import build
from rnn_vs_attn.suites.variants.transformer_xl import measure


def test_windows_and_memory_evaluate_as_many_tokens_as_they_are_divided_by() -> None:
    cpu = torch.device("cpu")
    small: dict[str, Any] = {"d_model": 16, "num_heads": 2, "num_layers": 1, "vocab_size": 7, "segment_len": 4}
    for method, length, expected in (
        ("memory", 10, 4),
        ("window-1", 10, 1),
        ("window-half", 9, 5),
        ("cache-segment", 10, 4),
    ):
        with torch.no_grad():
            module, call, tokens = measure._evaluation(xl(method, length, **small), cpu)
            made: Any = call()
        assert tokens == expected
        if method == "memory":
            assert made[0].shape == (1, 4, 7)
            assert made[1][0].shape == (1, 10, 16)  # as many positions are remembered as the attention length
        else:
            logits = made[0] if method == "window-1" else made
            assert logits.shape == (1, {"window-1": 1, "window-half": 9, "cache-segment": 4}[method], 7)
        assert build.count_parameters(module) > 0


def test_a_segment_after_a_cache_is_the_same_call_again_and_again() -> None:
    with torch.no_grad():
        _, call, _ = measure._evaluation(xl("cache-segment", 9, d_model=16), torch.device("cpu"))
        first: Any = call()
        again: Any = call()
    assert torch.equal(first, again)
