"""What a module changes in its process: it is put back, its row says so, and a broken label is no number."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from changed_settings import attribute, bent, set_of
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.keeping import NOTES, Own, kept
from rnn_vs_attn.measure.timing import calls
from rnn_vs_attn.measure.timing.clock import CPUClock
from rnn_vs_attn.measure.workload import Workload

ENTERED: list[Any] = []  # what is entered and never left, and not forgotten either


def enter(context: Any) -> None:
    """Enter and never leave."""
    ENTERED.append(context)
    context.__enter__()


def saves_on_a_copy() -> bool:
    """Whether a hook meets what a product saves."""
    w = torch.ones(2, requires_grad=True)
    found = (w * w).grad_fn
    return bool(torch._C._autograd._top_saved_tensors_default_hooks(True)) and found is not None


B = torch.backends
sdp = nn.attention.sdpa_kernel
precision = torch.get_float32_matmul_precision
TORCH: list[tuple[Callable[[], Any], Callable[[], Any], str]] = [
    (
        lambda: torch.set_default_dtype(torch.float64),
        torch.get_default_dtype,
        "the default dtype from float32 to float64",
    ),
    (
        lambda: torch.set_default_device("meta"),
        lambda: torch.ones(1).device.type,
        "the default device from cpu to meta",
    ),
    (
        lambda: enter(torch.device("meta")),
        lambda: torch.ones(1).device.type,
        "the torch function modes that are active",
    ),
    (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled, "grad mode from on to off"),
    (lambda: enter(torch.no_grad()), torch.is_grad_enabled, "grad mode from on to off"),
    (lambda: enter(torch.inference_mode()), torch.is_inference_mode_enabled, "inference mode from off to on"),
    (
        lambda: torch.set_deterministic_debug_mode("warn"),
        torch.is_deterministic_algorithms_warn_only_enabled,
        "torch's deterministic mode from default to warn",
    ),
    (
        set_of(torch.utils.deterministic, "fill_uninitialized_memory", False),
        attribute(torch.utils.deterministic, "fill_uninitialized_memory"),
        "fill_uninitialized_memory from on to off",
    ),
    (set_of(B.cudnn, "benchmark", True), attribute(B.cudnn, "benchmark"), "cudnn.benchmark from off to on"),
    (set_of(B.cudnn, "deterministic", True), attribute(B.cudnn, "deterministic"), "cudnn.deterministic from off to on"),
    (set_of(B.cudnn, "enabled", False), attribute(B.cudnn, "enabled"), "cudnn.enabled from on to off"),
    (set_of(B.cudnn, "allow_tf32", False), attribute(B.cudnn, "allow_tf32"), "cudnn.allow_tf32 from on to off"),
    (lambda: torch.set_float32_matmul_precision("medium"), precision, "matmul precision from highest to medium"),
    (set_of(B.cuda.matmul, "allow_tf32", True), precision, "matmul precision from highest to high"),
    (
        set_of(B.cuda.matmul, "allow_bf16_reduced_precision_reduction", False),
        attribute(B.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
        "allow_bf16_reduced_precision_reduction from on to off",
    ),
    (lambda: B.mkldnn.set_flags(False), attribute(B.mkldnn, "enabled"), "mkldnn.enabled from on to off"),
    (lambda: B.mha.set_fastpath_enabled(False), B.mha.get_fastpath_enabled, "fast path of transformer layers from on"),
    (lambda: B.cuda.enable_flash_sdp(False), B.cuda.flash_sdp_enabled, "flash attention from on to off"),
    (
        lambda: enter(sdp(nn.attention.SDPBackend.MATH)),
        B.cuda.mem_efficient_sdp_enabled,
        "flash attention from on to off",
    ),
    (
        lambda: torch.set_flush_denormal(True),
        lambda: 5e-324 * random.choice([1.0]) > 0,
        "denormal numbers from off to on",
    ),
    (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled, "anomaly mode from off,on to on,on"),
    (
        lambda: enter(torch.autocast("cpu", torch.bfloat16)),
        lambda: (torch.ones(2, 2) @ torch.ones(2, 2)).dtype,
        "autocast on cpu from off to on",
    ),
    (lambda: enter(torch.autograd.graph.save_on_cpu()), saves_on_a_copy, "what is done with tensors that are saved"),
    (lambda: enter(TorchDispatchMode()), lambda: len(_get_current_dispatch_mode_stack()), "the torch dispatch modes"),
    (
        lambda: torch.autograd.set_multithreading_enabled(False),
        torch._C._is_multithreading_enabled,
        "autograd's threads",
    ),
    (B.disable_global_flags, B.flags_frozen, "torch.backends' global flags from on to off"),
    (lambda: (gc.disable if gc.isenabled() else gc.enable)(), gc.isenabled, "garbage collection from"),
    (lambda: gc.set_threshold(3), gc.get_threshold, "thresholds of garbage collection from"),
    (lambda: sys.setswitchinterval(1.0), sys.getswitchinterval, "Python's switch interval from"),
]


@pytest.mark.long
@pytest.mark.parametrize(("change", "look", "said"), TORCH)
def test_what_a_call_leaves_changed_is_put_back_before_the_next_and_said(
    change: Callable[[], Any], look: Callable[[], Any], said: str
) -> None:
    before = look()
    with kept():
        change()
        assert look() != before
    assert look() == before
    (told,) = NOTES.tell()
    assert told.startswith("it changed ")
    assert said in told
    assert told.endswith("put back")
    assert not NOTES.spoilt


def test_everything_at_once_is_put_back_and_said_in_one_sentence() -> None:
    with kept():
        torch.set_default_device("meta")
        enter(TorchDispatchMode())
        enter(torch.inference_mode())
        torch.set_num_threads(3)
        torch.set_default_dtype(torch.float64)
        B.disable_global_flags()
    assert torch.get_num_threads() == 1
    made = nn.Linear(2, 2)(torch.ones(1, 2, requires_grad=True))
    made.sum().backward()
    assert (made.device.type, made.dtype) == ("cpu", torch.float32)
    (told,) = NOTES.tell()
    assert "torch's number of threads from 1 to 3; " in told
    assert told.endswith(", which were put back")


def test_what_a_module_raises_passes_and_its_changes_are_put_back_all_the_same() -> None:
    def raises() -> None:
        torch.set_num_threads(2)
        raise ValueError("a layer's own")

    with pytest.raises(ValueError, match="a layer's own"), kept(timed=True):
        raises()
    assert torch.get_num_threads() == 1


# A model's own


@pytest.mark.long
def test_a_variable_that_a_file_sets_when_it_is_imported_is_there_in_each_of_its_calls(own: Own) -> None:
    """And a folder on sys.path, and a function of torch that it has put in the place of another."""
    own.enter("first")
    os.environ["OF_THE_FIRST"] = "1"
    sys.path.append("/of/the/first")
    F.gelu = bent
    own.leave()
    for key, has in (("second", False), ("first", True), ("second", False)):
        own.enter(key)
        assert ("OF_THE_FIRST" in os.environ, "/of/the/first" in sys.path, F.gelu is bent) == (has, has, has)
        own.leave()


# Random numbers


def test_a_call_so_long_that_the_first_one_is_the_number_keeps_to_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cpu")
    monkeypatch.setattr(calls, "_LONG", -1.0)
    assert len(calls.repeated(lambda: None, device)[0]) == 1
    with pytest.raises(CaseFault, match="in calls that are timed"):
        calls.repeated(lambda: torch.set_num_threads(2), device)
    monkeypatch.setattr(calls, "_LONG", 1e9)
    first = iter([True])
    calls.repeated(lambda: next(first, False) and torch.set_num_threads(2), device, enough=0.0)  # it is thrown away
    assert torch.get_num_threads() == 1


class TurnsGradientsOn(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(True)
        return 2 * x


def test_a_forward_pass_that_turns_gradients_on_for_the_next_call_is_said() -> None:
    """The pass keeps no gradient; what stands around a block hides what its calls leave behind."""
    CPUClock().block(Workload.of(TurnsGradientsOn(), torch.ones(1, 2, 2)), "forward", 2)
    assert NOTES.tell() == ["it changed grad mode from off to on, which was put back"]
