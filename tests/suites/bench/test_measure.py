"""What the worker measures of a case of `bench`: states, widths, blocks."""

from __future__ import annotations

import dataclasses

import played_kernels
import pytest
import torch
from torch import nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.models.build import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.suites.bench import measure
from rnn_vs_attn.suites.bench.case import BenchCase


def test_state_size_of_a_users_module_is_read_from_its_steps() -> None:
    module, x = build(find("layers:RunningMean"), Shape(3, 8, 16)), torch.randn(3, 8, 16)
    assert measure.state_size(module, x, 4096) == 3 * 16 * 4


def test_state_size_that_grows_is_carried_on_to_the_length() -> None:
    class Cache(nn.Module):
        def initial_state(self, batch_size: int) -> torch.Tensor:
            return torch.zeros(batch_size, 0, 16)

        def step(self, x_t: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x_t, torch.cat([state, x_t[:, None]], 1)

    assert measure.state_size(Cache(), torch.randn(3, 8, 16), 100) == 3 * 100 * 16 * 4


def test_state_size_is_absent_without_steps() -> None:
    assert measure.state_size(nn.Linear(16, 16), torch.randn(3, 8, 16), 100) is None


@pytest.mark.long
def test_match_params_gives_the_workload_the_chosen_width() -> None:
    case = BenchCase("lstm", 8, device="cpu", threads=1, match="params")
    assert measure.workload(case, 0).x.shape[-1] == 90
    samples = {s.metric: s.value for s in measure.measure(dataclasses.replace(case, seq_len=4), Turn()) if not s.axes}
    assert samples["width"] == 90


@pytest.mark.cuda
def test_cuda_blocks_have_device_and_host_time() -> None:
    from rnn_vs_attn.measure.timing.clock import clock_for

    case = BenchCase("attention", 256, device="cuda", dtype="bfloat16", threads=1)
    block = clock_for(torch.device("cuda")).block(measure.workload(case, 0), "train", 5)
    assert 0 < block.backward < block.seconds
    assert block.host > 0


def test_a_peak_that_cannot_be_read_is_absent_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "peak_missing", lambda device: "nobody counts it")
    case = BenchCase("lstm", 4, batch_size=1, d_model=4, num_heads=1, device="cpu", threads=1)
    found = list(measure.measure(case, Turn(1, first=False)))
    assert {(s.metric, s.axes["pass"], s.value) for s in found} == {
        ("peak_memory", name, None) for name in ("forward", "backward", "train")
    }
    assert all(sample.warnings == ["nobody counts it"] for sample in found)


def by_fla(**others: object) -> BenchCase:
    """A case as it is on a GPU, on the CPU."""
    return dataclasses.replace(
        BenchCase("lstm+gated-deltanet", 70, 2, 16, 2, device="cpu", threads=1, backend="fla"), **others
    )


def test_a_case_by_kernels_of_a_package_says_which_and_how_near_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    played_kernels.play(monkeypatch)
    samples = {s.metric: s for s in measure.measure(by_fla(), Turn()) if not s.axes}
    error = samples["kernel_error"].value
    assert error is not None
    assert 0 < error < 1e-5
    near = f"outputs and gradients are within {error:.1g} of the layer's definition"
    assert samples["kernel_error"].warnings == [f"by the kernels of fla-core {played_kernels.VERSION}: {near}"]
    own = {s.metric: s for s in measure.measure(by_fla(backend="torch"), Turn()) if not s.axes}
    assert own.keys() == samples.keys() - {"kernel_error"}
    for name in ("num_params", "state_size"):
        assert own[name].value == samples[name].value


def test_a_case_whose_kernels_could_not_be_held_in_float32_says_what_is_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def narrow(q: torch.Tensor, *others: object, **kwargs: object) -> object:
        if q.dtype == torch.float32:
            raise ValueError("no float32")
        return played_kernels.chunk_gated_delta_rule(q, *others, **kwargs)  # type: ignore[arg-type]

    narrow.__name__ = "chunk_gated_delta_rule"
    played_kernels.play(monkeypatch, chunk_gated_delta_rule=narrow)
    case = by_fla(model="gated-deltanet", dtype="bfloat16")
    (said,) = [s.warnings for s in measure.measure(case, Turn()) if s.metric == "kernel_error"]
    assert said[1:] == [
        "its kernels could not be held against the definition in float32 (ValueError: no float32), and what is wrong "
        "by less than rounding to bfloat16 is not seen"
    ]


def test_kernels_that_compute_something_else_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*args: object, **kwargs: object) -> tuple[torch.Tensor, object]:
        y, state = played_kernels.chunk_gated_delta_rule(*args, **kwargs)  # type: ignore[arg-type]
        return y.roll(1, 1), state

    played_kernels.play(monkeypatch, chunk_gated_delta_rule=late)
    for ask in (lambda: measure.workload(by_fla(), 0), lambda: list(measure.measure(by_fla(), Turn()))):
        with pytest.raises(CaseFault, match="do not compute what GatedDeltaNet is defined as"):
            ask()
