"""What a row says of the kernels of torch's recurrences on a GPU."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.operations import recurrent_kernels
from rnn_vs_attn.models.kernels import cudnn_weights
from rnn_vs_attn.suites.bench import measure as bench
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.decode import measure as decode
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.scaling import measure as scaling
from rnn_vs_attn.suites.scaling.case import ScalingCase

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
RECURRENCE, NONE = nn.Sequential(nn.LSTM(2, 2)), nn.Linear(2, 2)


def test_a_recurrence_outside_of_cudnn_is_named_with_what_ran() -> None:
    (said,) = recurrent_kernels.said(RECURRENCE, ["addmm", "_thnn_fused_lstm_cell"], CUDA)
    assert said == "its recurrence did not run in cuDNN: _thnn_fused_lstm_cell, addmm"
    assert recurrent_kernels.said(RECURRENCE, [], CUDA)[0].endswith("cuDNN: none that is known")


def test_nothing_is_said_where_there_is_no_cudnn_or_no_recurrence() -> None:
    assert recurrent_kernels.said(RECURRENCE, ["mkldnn_rnn_layer"], CPU) == []
    assert recurrent_kernels.said(NONE, ["addmm"], CUDA) == []


def test_weights_that_cudnn_copies_and_weights_laid_for_it_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = ["_cudnn_rnn"]
    assert recurrent_kernels.said(RECURRENCE, kernels, CUDA) == []  # these are not on a GPU at all
    monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
    (copied,) = recurrent_kernels.said(RECURRENCE, kernels, CUDA)
    assert "copy of them in every call" in copied
    monkeypatch.setattr(recurrent_kernels, "apart", lambda each: False)
    monkeypatch.setattr(cudnn_weights, "apart", lambda each: False)
    (laid,) = recurrent_kernels.said(RECURRENCE, kernels, CUDA)
    assert "laid in one piece" in laid
    monkeypatch.setattr("torch.backends.cudnn.is_acceptable", lambda weight: True)
    assert recurrent_kernels.said(RECURRENCE, kernels, CUDA) == []


def test_of_a_call_what_ran_is_seen() -> None:
    """On a CPU an LSTM runs in oneDNN, in one piece."""
    x = torch.randn(3, 1, 2)
    with torch.no_grad():
        (said,) = recurrent_kernels.said_of_call(RECURRENCE, lambda: RECURRENCE(x), CUDA)
    assert said.startswith("its recurrence did not run in cuDNN: ")
    assert "mkldnn_rnn_layer" in said
    for module, device in ((RECURRENCE, CPU), (NONE, CUDA)):
        assert recurrent_kernels.said_of_call(module, pytest.fail, device) == []


@pytest.mark.parametrize(("model", "layers"), [("lstm", 2), ("lstm-lm", 1)])
def test_it_stands_on_the_row_of_a_prefill(model: str, layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    of_call = recurrent_kernels.said_of_call
    monkeypatch.setattr(recurrent_kernels, "said_of_call", lambda module, call, device: of_call(module, call, CUDA))
    case = DecodeCase(model, 6, d_model=8, num_heads=2, num_layers=layers, device="cpu", threads=1)
    for first in (True, False):
        (prefill,) = (s for s in decode.measure(case, Turn(first=first, enough=1e-3)) if s.metric == "prefill_time")
        found = [text for text in prefill.warnings if text.startswith("its recurrence did not run in cuDNN: ")]
        assert len(found) == first


@pytest.mark.parametrize("suite", ["bench", "scaling"])
def test_it_stands_on_the_rows_of_flops_with_the_kernels(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = recurrent_kernels.said
    monkeypatch.setattr(recurrent_kernels, "said", lambda module, kernels, device: said(module, kernels, CUDA))
    options = {"device": "cpu", "threads": 1, "d_model": 8, "num_heads": 2}
    if suite == "bench":
        samples = list(bench.measure(BenchCase("lstm", 4, **options), Turn()))
    else:
        samples = list(scaling.measure(ScalingCase("lstm", 4, **options), Turn()))
    found = [sample for sample in samples if sample.metric == "flops"]
    assert [sample.axes["pass"] for sample in found] == ["forward", "train"]
    for sample in found:
        (text,) = sample.warnings
        assert text.startswith("its recurrence did not run in cuDNN: ")
        assert text.rpartition(": ")[2].split(", ") == sorted(sample.details["kernels"])
