"""What the worker measures of Transformer-XL: windows, memory and calls after it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from planted_variants import at, xl

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.timing import calls, decoding
from rnn_vs_attn.models import build
from rnn_vs_attn.models.language.token_ids import OfTokens
from rnn_vs_attn.report import tables
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.variants.transformer_xl import measure
from rnn_vs_attn.suites.variants.transformer_xl.case import METHODS
from rnn_vs_attn.suites.variants.transformer_xl.suite import COLUMNS, VARIANTS_TRANSFORMER_XL


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


@pytest.mark.parametrize(
    ("method", "share"), [("memory", 1.0), ("window-1", 1.0), ("cache-segment", 1.0), ("cache", 0.75)]
)
def test_each_method_says_whether_the_gpu_waited_for_launches(
    method: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of steps a part of those that were asked; of an evaluation of one more call, which is that of the module."""

    def asked(call: Any, device: torch.device, seconds: float) -> list[bool]:
        assert seconds > 0
        call()
        return [True]

    monkeypatch.setattr(calls, "launch_bound_calls", asked)
    monkeypatch.setattr(decoding, "_steps_bound", lambda *_: [True, True, False, True])
    case = xl(method, 10, d_model=16, num_heads=2, num_layers=1, vocab_size=7, segment_len=4)
    made = list(measure.measure(case, Turn(first=False, enough=1e-3)))
    found = [(sample.metric, sample.axes, sample.value) for sample in made]
    assert found[0][0] == "token_time"
    assert found[1:] == [("launch_bound", {"pass": "token"}, share)]


def test_a_time_of_the_hosts_launches_is_marked() -> None:
    records = [at(VARIANTS_TRANSFORMER_XL, "token_time", xl(method, 8), [2e-6]) for method in ("memory", "cache")]
    records.append(at(VARIANTS_TRANSFORMER_XL, "launch_bound", xl("cache", 8), [1.0], **{"pass": "token"}))
    table = tables.build(records, list(axes_of(xl("cache", 8))), COLUMNS[:1], precision=None)
    assert {row[table.header.index("method")]: row[-1] for row in table.rows} == {"memory": "2.00", "cache": "2.00^"}
    assert tables.LAUNCHES in table.notes


@pytest.mark.parametrize("method", METHODS)
def test_no_evaluation_reads_a_token_id_while_it_is_timed(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU each of them would wait for all that was begun. The same call of a model that does not trust its ids
    does read them.
    """
    case, cpu = xl(method, 10, d_model=16, num_heads=2, num_layers=1, vocab_size=7, segment_len=4), torch.device("cpu")
    if method == "cache":
        decoder = measure._cached(case, cpu)
        module, call = decoder.module, decoder.prefill
    else:
        module, call, _ = measure._evaluation(case, cpu)
    read, real = [], torch.Tensor.aminmax
    monkeypatch.setattr(torch.Tensor, "aminmax", lambda ids: read.append(ids.shape) or real(ids))
    with torch.no_grad():
        call()
        assert read == []
        for part in module.modules():
            if isinstance(part, OfTokens):
                part.checks_ids = True
        call()
    assert len(read) == 1
    assert read[0][0] == case.batch_size
