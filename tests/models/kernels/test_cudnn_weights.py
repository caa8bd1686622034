"""The weights of torch's recurrences in one piece: when, with which arguments, and that nothing else changes."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.measure import workload
from rnn_vs_attn.measure.operations import flops, recurrent_kernels
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.kernels import cudnn_weights
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.bench import measure as bench
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.decode import measure as decode
from rnn_vs_attn.suites.decode.case import DecodeCase
from rnn_vs_attn.suites.scaling import measure as scaling
from rnn_vs_attn.suites.scaling.case import ScalingCase

MODES = {"RNN_TANH": 1, "LSTM": 2, "GRU": 3}  # of cuDNN


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Tensors here pass for those of a GPU whose cuDNN runs recurrences; what it is asked to lay in one piece."""
    made: list[tuple[Any, ...]] = []

    def lay(weights: list[Tensor], *others: Any) -> Tensor:
        made.append(others)
        whole = torch.cat([weight.flatten() for weight in weights])
        for weight, part in zip(weights, whole.split([weight.numel() for weight in weights]), strict=True):
            weight.set_(part.view(weight.shape))
        return whole

    monkeypatch.setattr(torch, "_cudnn_rnn_flatten_weight", lay)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
    monkeypatch.setattr("torch.backends.cudnn.rnn.get_cudnn_mode", MODES.get)
    monkeypatch.setattr(cudnn_weights, "runs_in_cudnn", lambda device, dtype: dtype == torch.bfloat16)
    return made


def pieces(module: nn.Module) -> int:
    return len({parameter.untyped_storage().data_ptr() for parameter in module.parameters()})


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.LSTM(6, 5, 2, batch_first=True), (4, 6, 2, 5, 0, 2, True, False)),
        (nn.GRU(6, 5, bidirectional=True), (4, 6, 3, 5, 0, 1, False, True)),
        (nn.RNN(6, 5, bias=False), (2, 6, 1, 5, 0, 1, False, False)),
        (nn.LSTM(6, 5, proj_size=3), (5, 6, 2, 5, 3, 1, False, False)),
        (nn.LSTM(6, 5, bias=False, proj_size=3), (3, 6, 2, 5, 3, 1, False, False)),
    ],
)
def test_cudnn_is_told_how_the_module_is_built(
    module: nn.RNNBase, expected: tuple[Any, ...], calls: list[tuple[Any, ...]]
) -> None:
    module.bfloat16()
    weights = module._flat_weights
    assert cudnn_weights.flatten(module)
    assert calls == [expected]
    assert module._flat_weights is weights


def test_parameters_stay_the_same_objects_with_the_same_values_and_gradients(calls: list[tuple[Any, ...]]) -> None:
    torch.manual_seed(0)
    model, x = build.build(find("lstm"), Shape(2, 3, 8)).bfloat16(), torch.randn(2, 3, 8, dtype=torch.bfloat16)
    before, expected = dict(model.named_parameters()), copy.deepcopy(model)
    cudnn_weights.flatten(model)
    assert pieces(model) == 1
    assert all(parameter is before[name] for name, parameter in model.named_parameters())
    for each in (model, expected):
        each(x).sum().backward()
    for found, known in zip(model.parameters(), expected.parameters(), strict=True):
        assert found.is_leaf
        torch.testing.assert_close(found, known, rtol=0, atol=0)
        torch.testing.assert_close(found.grad, known.grad, rtol=0, atol=0)


def test_what_cudnn_does_not_run_is_left_alone(calls: list[tuple[Any, ...]]) -> None:
    module = nn.LSTM(4, 4)  # in float32, which this one does not take
    assert not cudnn_weights.flatten(module)
    assert pieces(module) == 4


def test_weights_in_one_piece_and_tied_ones_are_left_alone(calls: list[tuple[Any, ...]]) -> None:
    module = nn.LSTM(4, 4).bfloat16()
    assert cudnn_weights.flatten(module)
    assert not cudnn_weights.flatten(module)
    tied = nn.LSTM(4, 4).bfloat16()
    tied.weight_hh_l0 = tied.weight_ih_l0
    assert not cudnn_weights.flatten(tied)
    assert len(calls) == 1


def test_a_recurrence_within_a_users_module_is_measured_as_it_is(calls: list[tuple[Any, ...]]) -> None:
    class Theirs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.LSTM(4, 4)

    class TheirLSTM(nn.LSTM):
        pass

    for module in (Theirs(), TheirLSTM(4, 4), nn.Sequential(Theirs())):
        assert not cudnn_weights.flatten(module.bfloat16())
    assert cudnn_weights.flatten(nn.Sequential(nn.LSTM(4, 4)).bfloat16())


def test_a_model_of_torchs_is_laid_like_the_programs_own(calls: list[tuple[Any, ...]]) -> None:
    for name in ("torch.nn:LSTM", "lstm"):
        build.placed(build.build(find(name), Shape(2, 3, 8)), torch.device("cpu"), torch.bfloat16)
    assert len(calls) == 2
    assert len(set(calls)) == 1


def test_on_a_cpu_nothing_is_laid_or_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cudnn_weights, "runs_in_cudnn", None)
    assert not cudnn_weights.flatten(nn.LSTM(4, 4).bfloat16())


@pytest.mark.parametrize("suite", ["bench", "scaling", "decode", "language model"])
def test_every_suite_asks_for_it_when_a_module_is_ready(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.dtype] = []
    monkeypatch.setattr(cudnn_weights, "flatten", lambda module: asked.append(next(module.parameters()).dtype))
    options = {"device": "cpu", "dtype": "bfloat16", "threads": 1, "d_model": 8, "num_heads": 2}
    if suite == "bench":
        bench.workload(BenchCase("lstm", 4, **options), 0)
    elif suite == "scaling":
        scaling.workload(ScalingCase("lstm", 4, **options), 0)
    else:
        decode.decoder(DecodeCase("lstm" if suite == "decode" else "lstm-lm", 4, **options), 0)
    assert asked == [torch.bfloat16]


def test_weights_that_are_not_drawn_as_usual_are_laid_too(calls: list[tuple[Any, ...]]) -> None:
    made = workload.drawn(lambda: nn.LSTM(4, 4), torch.device("cpu"), torch.bfloat16)
    assert len(calls) == 1
    assert pieces(made) == 1


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "torch.nn:LSTM"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_recurrences_run_in_cudnn_with_weights_that_it_need_not_copy(name: str, dtype: torch.dtype) -> None:
    device = torch.device("cuda")
    module = build.placed(build.build(find(name), Shape(2, 8, 64, num_layers=2)), device, dtype)
    x = torch.randn(2, 8, 64, device=device, dtype=dtype, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counter = flops.count(lambda: build.call(module, x), module)
    assert "_cudnn_rnn" in counter.kernels, (torch.__version__, dict(counter.kernels), counter.reason)
    said = recurrent_kernels.said(module, counter.kernels, device)
    assert [text for text in said if "apart, so" in text or "did not run" in text] == []
    if name == "lstm":  # of which nothing but the dtype is told apart
        assert pieces(module) == 1
    build.call(module, x).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
