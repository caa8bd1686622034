"""Devices that are not there, and threads at the start."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
import torch
from paths import REFERENCE

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure import device


def test_cuda_without_cuda_says_the_way_out() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")

    with pytest.raises(UserError, match="use --device cpu"):
        device.resolve("cuda")
    assert device.resolve("auto") == "cpu"


@pytest.mark.parametrize("name", ["cuda:2", "cuda:99", "cuda:300", "cuda:99999999999999999999"])
def test_a_gpu_that_is_not_there_is_named_with_those_that_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [device.resolve(known) for known in ("cuda", "cuda:0", "cuda:1")] == ["cuda", "cuda:0", "cuda:1"]
    with pytest.raises(UserError, match=f"device '{name}' does not exist; this machine has cuda:0 to cuda:1"):
        device.resolve(name)


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("", False),
        ("CUDA error: device-side assert triggered\nSearch for `cudaErrorAssert'", True),
        ("CUDAPluggableAllocator does not yet support getDeviceStats", False),
    ],
)
def test_a_gpu_is_lost_where_it_cannot_even_be_waited_for(
    said: str, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only those that this process has used are asked: to wait for another would begin with it."""
    asked = []

    def synchronize(index: int) -> None:
        asked.append(index)
        if said:
            raise RuntimeError(said)

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "memory_reserved", [0, 2 << 20].__getitem__)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    assert device.is_lost() == lost
    assert asked == [1]


def test_no_gpu_is_lost_where_none_was_used() -> None:
    assert torch.cuda.is_initialized() or not device.is_lost()


@pytest.mark.parametrize(("taken_gib", "share"), [(0.9, 0.0), (1.5, 0.0), (41.5, 0.5)])
def test_memory_that_may_be_ones_own_is_not_said_to_be_others(
    taken_gib: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 80 GiB; torch holds half a GiB of it, and the context up to one."""
    total = 80 << 30
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (total - int(taken_gib * (1 << 30)), total))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda index: 1 << 29)
    properties = SimpleNamespace(name="Abacus", major=9, minor=0, multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(device.nvml, "state", lambda index: {})
    (gpu,) = device.facts()["gpus"]
    assert gpu["others_share"] == share


def test_a_context_is_within_what_is_taken_to_be_ones_own() -> None:
    """By the driver, in the stored runs, of GPUs that nobody else used: memory that was not free is the run's own."""
    runs = [json.loads(path.read_text())["environment"]["gpus"] for path in REFERENCE.glob("gpu-*/*/run.json")]
    taken = [(1 - gpu["free_share"]) * gpu["memory_gib"] * (1 << 30) for (gpu,) in runs]
    assert taken == [pytest.approx(device._OWN_CONTEXT / 2, rel=0.2)] * len(runs)
    assert runs


@pytest.mark.parametrize(("usable", "affinity"), [(1, 2), (2, 2)])
def test_a_worker_begins_with_no_more_threads_than_can_compute_at_once(
    usable: int, affinity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnn_vs_attn.machine import environment
    from rnn_vs_attn.worker.answers import Answers

    monkeypatch.setattr(environment, "usable_cores", lambda: usable)
    monkeypatch.setattr(environment, "affinity_cores", lambda: affinity)
    monkeypatch.setattr(os, "environ", {})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        Answers()
        assert torch.get_num_threads() == usable
        assert os.environ == ({"TORCHINDUCTOR_COMPILE_THREADS": "1"} if usable < affinity else {})
    finally:
        torch.set_num_threads(before)


def test_precision_is_that_of_kernels_that_triton_compiles_too() -> None:
    """Whose products of float32 are in TF32 unless that is said."""
    try:
        device.set_precision(tf32=True)
        assert os.environ["TRITON_F32_DEFAULT"] == "tf32"
    finally:
        device.set_precision(tf32=False)
    assert os.environ["TRITON_F32_DEFAULT"] == "ieee"
