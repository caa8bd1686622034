"""Attention's kernels: which may run, which is the fastest, and what is left of a choice afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from registry_models import layer
from torch import nn
from torch.backends.cuda import cudnn_sdp_enabled, flash_sdp_enabled, math_sdp_enabled
from torch.nn.attention import SDPBackend

from rnn_vs_attn.measure.attention_kernels import UNDOUBTED, Kernel, candidates, fastest, growing_lengths, only
from rnn_vs_attn.models.mixer import Block, Stack
from rnn_vs_attn.models.pattern import pattern
from rnn_vs_attn.models.registry import MODELS, find

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CUDNN, FLASH, MATH = SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.MATH


def switches() -> tuple[bool, bool, bool]:
    return cudnn_sdp_enabled(), flash_sdp_enabled(), math_sdp_enabled()


def test_a_choice_holds_within_and_is_undone_afterwards() -> None:
    before = switches()
    with only(MATH):
        assert switches() == (False, False, True)
    with only(None):
        assert switches() == before
    assert switches() == before


def test_cudnn_makes_no_plans_where_lengths_grow_and_comes_back_after_an_error() -> None:
    before = switches()
    with growing_lengths(), growing_lengths():
        assert switches() == (False, *before[1:])
    with pytest.raises(ZeroDivisionError), growing_lengths():
        raise ZeroDivisionError
    assert switches() == before


# Candidates


def input_of(device: torch.device, length: int = 100) -> Any:
    return SimpleNamespace(device=device, shape=(2, length, 24))


@pytest.mark.parametrize("name", ["attention", "attention-gqa", "attention+lstm", "attention-local+attention"])
def test_a_module_with_such_a_layer_anywhere_has_a_choice(name: str) -> None:
    spec = pattern(name, MODELS, []) or find(name)
    module, _ = layer(spec)
    for device in (CPU, CUDA):  # in 64 bits
        assert candidates(module, input_of(device)) == ()
    half = module.bfloat16()
    for chosen_among in (half, Stack(Block(half, 24)).bfloat16(), nn.ModuleDict({"a user's own": half})):
        assert candidates(chosen_among, input_of(CPU, 256)) == (None, MATH)
        assert candidates(chosen_among, input_of(CPU, 257)) == ()
        assert candidates(chosen_among, input_of(CUDA))[0] is None
        assert {CUDNN, FLASH, SDPBackend.EFFICIENT_ATTENTION} < set(candidates(chosen_among, input_of(CUDA)))


@pytest.mark.parametrize("name", ["attention-naive", "attention-local", "attention-relative", "lstm"])
def test_others_have_none(name: str) -> None:
    module, _ = layer(find(name))
    module = module.bfloat16()
    assert candidates(module, input_of(CPU)) == candidates(module, input_of(CUDA)) == ()


# The fastest


def chosen(seconds: dict[Kernel, float | Exception], device: torch.device = CUDA) -> Kernel:
    def taken(kernel: Kernel) -> float:
        value = seconds[kernel]
        if isinstance(value, Exception):
            raise value
        return value

    return fastest(list(seconds), taken, device)


def test_the_fastest_is_chosen_and_torchs_own_among_equals() -> None:
    assert chosen({None: 1.0, CUDNN: 0.9, FLASH: 0.8}) == FLASH
    assert chosen({None: 1.0, CUDNN: 0.98, FLASH: 1.0}) is None
    assert chosen({None: 1.0, MATH: 0.95}, CPU) is None
    assert chosen({None: 1.0, MATH: 0.5}, CPU) == MATH


def test_a_kernel_that_cannot_run_it_is_not_chosen() -> None:
    no_kernel, no_memory = RuntimeError("No available kernel"), torch.OutOfMemoryError()
    assert chosen({None: 1.0, CUDNN: no_kernel, FLASH: 0.5}) == FLASH
    assert chosen({None: no_memory, CUDNN: no_memory, FLASH: no_kernel}) is None
    assert chosen({}) is None


def test_kernels_take_turns_so_that_a_slow_moment_is_no_ones_own() -> None:
    order, slow = list[Kernel](), iter([0.01, 0.01, 0.09, 0.01, 0.09, 0.01])

    def seconds(kernel: Kernel) -> float:
        order.append(kernel)
        return next(slow) * (1.0 if kernel is None else 0.5)

    assert fastest([None, MATH], seconds, CPU, turns=3) == MATH
    assert order == [None, MATH] * 3


def test_long_calls_are_made_once_by_each_kernel() -> None:
    order: list[Kernel] = []
    seconds = {None: 2 * UNDOUBTED, MATH: UNDOUBTED}
    assert fastest([None, MATH], lambda kernel: order.append(kernel) or seconds[kernel], CPU, turns=4) == MATH
    assert order == [None, MATH]
