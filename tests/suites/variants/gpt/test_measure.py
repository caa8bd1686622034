"""What the worker measures of a size of GPT."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from planted_variants import albert, gpt

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.language.albert import Albert
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.shapes import GPTShape
from rnn_vs_attn.suites.case import axes_of
from rnn_vs_attn.suites.metrics import WEIGHTS_SIZE
from rnn_vs_attn.suites.sizes import complete, counts
from rnn_vs_attn.suites.suite import PEAKS
from rnn_vs_attn.suites.variants.albert.case import SIZES, AlbertCase
from rnn_vs_attn.suites.variants.gpt import measure
from rnn_vs_attn.worker.client import ChildWorker
from rnn_vs_attn.worker.protocol import About, Measure

# Counts


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_size_of_weights_is_that_of_the_modules_tensors(dtype: str) -> None:
    """What is tied or shared is held once."""
    made: list[tuple[Any, Any]] = [(counts(gpt("2x128", dtype=dtype)), partial(GPT, GPTShape(2, 128, 2)))]
    for size in ("albert-base", "bert-base"):
        shape = SIZES[size]
        made.append((counts(albert(size, dtype=dtype)), partial(Albert, shape)))
    for values, make in made:
        with torch.device("meta"):
            module = make().to(getattr(torch, dtype))
        held = sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())
        assert values[WEIGHTS_SIZE] == held


@pytest.mark.slow
@pytest.mark.skipif(bool(memory.cpu_peak_missing()), reason=memory.cpu_peak_missing() or "-")
def test_the_peak_of_training_on_a_few_tokens_is_that_of_the_gradients() -> None:
    """Of all weights but the pooler's, which nothing asks for; the activations of two tokens are next to nothing."""
    case = AlbertCase(size="bert-base", seq_len=2, device="cpu", threads=1)
    worker = ChildWorker()
    about = About("variants-albert", axes_of(complete(case)), None)
    answer = worker.ask(Measure(about, Turn(), PEAKS), 600)
    worker.close()
    (train,) = (sample.value for sample in answer.samples if sample.axes == {"pass": "train"})
    shape = SIZES["bert-base"]
    assert train == pytest.approx(4 * (shape.num_params - shape.pooler_params), rel=0.02)


@pytest.mark.long
def test_rows_say_in_which_part_of_calls_a_gpu_waited_for_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_steps_bound", lambda *_: [True, False, False, False])
    monkeypatch.setattr(decoding, "prefill_bound", lambda decoder, seconds: [seconds > 0])
    made = measure.measure(gpt("1x64", seq_len=4), Turn(first=False, enough=1e-3))
    found = [(sample.axes["pass"], sample.value) for sample in made if sample.metric == "launch_bound"]
    assert found == [("prefill", 1.0), ("step", 0.25)]
