"""How many operations a layer begins as the sequence grows: on a GPU each is a kernel that the host must launch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rnn_vs_attn.measure.operations.multiplies import is_view_operator
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import MODELS
from rnn_vs_attn.models.spec import ModelSpec

CHUNK_BY_CHUNK = {"gated-deltanet": 32, "rwkv7": 32}  # positions, as their entries in the catalogue say
PARALLEL = [
    spec for spec in MODELS if not (spec.traits.loop_of or spec.traits.kernel_of_its_own or spec.name in CHUNK_BY_CHUNK)
]
SHORT, LONG = 512, 32768
DOUBLINGS = 6  # from the one to the other
_SCANS = ("cumsum", "cummax", "logcumsumexp")
_FEW = 64  # positions of a chunk
_NO_KERNEL = ("empty", "detach", "alias", "_unsafe_view")


class Launches(TorchDispatchMode):
    """Counts operations that are more than a view or memory that is handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.one_by_one: list[str] = []  # scans in which a GPU has one thread for a long line of numbers

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not is_view_operator(func) and not func.__name__.startswith(_NO_KERNEL)
        if func.__name__.startswith(_SCANS):
            x, dim = args[0], args[1]
            if x.shape[dim] > _FEW and dim not in (-1, x.dim() - 1):
                self.one_by_one.append(f"{func} of {tuple(x.shape)} over axis {dim}")
        return func(*args, **(kwargs or {}))


def launches(spec: ModelSpec, length: int) -> tuple[int, int]:
    """Of a forward and of a training pass, of a layer without values on no device of its own."""
    module = build.build(spec, Shape(2, length, 32, 2)).to("meta")
    x = torch.randn(2, length, 32, device="meta", requires_grad=True)
    with torch.no_grad(), Launches() as forward:
        build.call(module, x)
    with Launches() as train:
        y = build.call(module, x)
        y.backward(torch.ones_like(y))
    return forward.count, train.count


def test_what_is_counted_is_what_runs() -> None:
    x = torch.randn(4, 4, device="meta")
    with Launches() as seen:
        torch.relu(x.t()[1:] @ x).sum().view(1)
    assert seen.count == 3


@pytest.mark.long
@pytest.mark.parametrize("spec", PARALLEL, ids=lambda spec: spec.name)
def test_a_parallel_layer_begins_no_more_than_a_few_operations_for_each_doubling(spec: ModelSpec) -> None:
    """A scan has 2 for each of 8 positions on each of log_8(L) levels, and a copy, forward; the same again backward."""
    forward, train = (long - short for short, long in zip(launches(spec, SHORT), launches(spec, LONG), strict=True))
    assert forward <= 12 * DOUBLINGS
    assert train <= 24 * DOUBLINGS


@pytest.mark.long
def test_no_scan_over_the_sequence_has_one_thread_for_each_line_of_numbers() -> None:
    """As torch's kernel for CUDA has along every axis but the last."""
    found = {}
    for spec in (*PARALLEL, *(each for each in MODELS if each.name in CHUNK_BY_CHUNK)):
        module = build.build(spec, Shape(2, SHORT, 32, 2)).to("meta")
        x = torch.randn(2, SHORT, 32, device="meta", requires_grad=True)
        with Launches() as seen:
            build.call(module, x).backward(torch.ones_like(x))
        found[spec.name] = seen.one_by_one
    assert {name: scans for name, scans in found.items() if scans} == {}


@pytest.mark.long
@pytest.mark.parametrize("name", CHUNK_BY_CHUNK)
def test_chunks_that_wait_for_each_other_are_one_operation_each_forward(name: str) -> None:
    spec = next(spec for spec in MODELS if spec.name == name)
    (short, short_train), (long, long_train) = launches(spec, 512), launches(spec, 1024)
    chunks = 512 // CHUNK_BY_CHUNK[name]
    assert long - short == chunks
    assert long_train - short_train <= 2 * chunks
