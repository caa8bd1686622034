"""Kernels as a profiler tells them; that of a GPU is played."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import DeviceType

from rnn_vs_attn.measure.operations import launches
from rnn_vs_attn.measure.operations.launches import Launches
from rnn_vs_attn.measure.workload import Workload


def event(name: str, device: DeviceType = DeviceType.CUDA, said: bool = False) -> Any:
    return SimpleNamespace(name=name, device_type=device, is_user_annotation=said)


ASIDE = [
    event("Memcpy DtoD (Device -> Device)"),
    event("Memset (Device)"),
    event("aten::mm", DeviceType.CPU),
    event("a step", said=True),
]


class Played:
    """A profiler that gives one list of events after another, or an error in place of one."""

    def __init__(self, told: Iterator[Sequence[Any] | Exception]) -> None:
        self.told = next(told)

    def __enter__(self) -> None:
        return

    def __exit__(self, *error: object) -> None:
        if isinstance(self.told, Exception):
            raise self.told

    def events(self) -> Sequence[Any]:
        assert not isinstance(self.told, Exception)
        return self.told


def counted(monkeypatch: pytest.MonkeyPatch, workload: Workload, *told: Sequence[Any] | Exception) -> Launches:
    profilers = iter(told)
    monkeypatch.setattr(launches, "profile", lambda activities: Played(profilers))
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return launches.count(workload, "train")


def test_kernels_are_counted_without_copies_and_annotations(
    monkeypatch: pytest.MonkeyPatch, workload: Workload
) -> None:
    told = [event("gemm"), *ASIDE, event("add")]
    assert counted(monkeypatch, workload, told, told) == Launches(2)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([[], []], "saw no kernel"),
        ([ASIDE, ASIDE], "saw no kernel"),
        ([[event("gemm")], [event("gemm"), event("add")]], "two passes launched 1 and 2"),
        ([RuntimeError("CUPTI_ERROR_NOT_INITIALIZED"), []], "RuntimeError: CUPTI_ERROR_NOT_INITIALIZED"),
        ([AssertionError("Expected profiling results"), []], "does not run here"),
    ],
)
def test_what_the_profiler_does_not_give_is_unknown_and_no_zero(
    monkeypatch: pytest.MonkeyPatch, workload: Workload, told: list[Any], why: str
) -> None:
    found = counted(monkeypatch, workload, *told)
    assert found.kernels is None
    assert why in found.reason


def test_an_error_of_the_pass_itself_is_none_of_the_profiler(
    monkeypatch: pytest.MonkeyPatch, workload: Workload
) -> None:
    calls = iter(["loads libraries"])

    def train() -> None:
        if next(calls, None) is None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(workload, "train", train)
    with pytest.raises(torch.OutOfMemoryError):
        counted(monkeypatch, workload, [])


class _Chain(nn.Module):
    """20 products of every number, one after another."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(20):
            x = x * 1.01
        return x


@pytest.mark.cuda
def test_on_a_gpu_each_of_a_chain_of_products_is_a_kernel() -> None:
    workload = Workload.of(_Chain(), torch.ones(1, 8, 8, device="cuda"))
    assert launches.count(workload, "forward") == Launches(20)
