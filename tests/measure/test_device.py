"""Devices that are not there, and threads at the start."""

from __future__ import annotations

import os

import pytest
import torch

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
