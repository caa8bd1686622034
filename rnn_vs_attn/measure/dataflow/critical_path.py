"""Sequential operations: the longest chain of operations of a forward pass that wait for each other.

The operations are recorded as torch runs them, with which memory each one reads and writes, so that positions of one
buffer that are written one by one, by a slice or by an index, do not wait for each other. A view of a tensor and a new
tensor without a value are no operations; everything else counts as one, also what only parameters go into, and a
cumulative sum over m positions as the ceil(log2 m) that a parallel one takes, and a triangular system as its unknowns,
since each waits for those before it. An operation that is a sum or a product
over many elements counts as one, as in Table 1 of Vaswani et al. 2017. Fused recurrent kernels, which hide their chain,
are off while it is recorded, so torch's own recurrences run their sequential form.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.dataflow.shadow_memory import Exits, Operation, Recorder, Shadows
from rnn_vs_attn.models import build

SCANS = frozenset(["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
SUBSTITUTION = "linalg_solve_triangular"
_OVERWRITES = frozenset(["copy_", "fill_", "zero_"])  # whatever stood there before
_WRITES_BY_INDEX = frozenset(
    """
    index_put_ _index_put_impl_ index_copy_ index_fill_ index_add_ index_reduce_ scatter_ scatter_add_ scatter_reduce_
    masked_scatter_ masked_fill_
    """.split()
)
_WRITTEN_VALUES = ("values", "source", "src", "value")  # what their schemas call what they write
_ADDS = frozenset(["index_add_", "index_reduce_", "scatter_add_", "scatter_reduce_"])  # to what stood there
_SUMS = {"scatter_": "add", "scatter_reduce_": "sum", "index_reduce_": "mean"}


def sequential_operations(module: nn.Module, x: Tensor) -> int:
    """The longest chain of one forward pass of x (B, L, D). CaseFault where it cannot be seen."""
    recorder = Chains(module, x)
    recorder.reached.write(x, True)
    with torch.no_grad(), sequential_forms(), recorder, Exits(recorder.follows):
        y = build.call(module.eval(), x)
    if not recorder.follows(y):
        raise CaseFault(
            "unsupported", "its output was written by a kernel that torch does not see, and hides its chain"
        )
    return recorder.longest


@contextmanager
def sequential_forms() -> Iterator[None]:
    """torch's own recurrences run step by step and its attention layers as they train, in place of one fused kernel."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Intel's GPUs, whenever a flag of oneDNN is set
        with torch.backends.mkldnn.flags(enabled=False):
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                yield
            finally:
                torch.backends.mha.set_fastpath_enabled(fast_path)


class Chains(Recorder):
    """While active, keeps for each element of memory how many operations it waited for, and whether the input came to
    it. longest: of all operations.
    """

    def __init__(self, module: nn.Module, x: Tensor) -> None:
        super().__init__(module, x)
        self.depths, self.reached = Shadows(numpy.int32, 0), Shadows(bool, False)
        self.longest = 0

    def follows(self, tensor: Tensor) -> bool:
        return bool(self.reached.read(tensor).any())

    def depth_of(self, tensor: Tensor) -> int:
        """How many operations its last element waited for."""
        return int(self.depths.read(tensor).max(initial=0))

    def record(self, operation: Operation) -> Any:
        given, places = operation.given, _places(operation) if operation.name in _WRITES_BY_INDEX else None
        if operation.name in _OVERWRITES or "out" in operation.kwargs or places is not None:
            given = [tensor for tensor in given if not any(tensor is other for other in operation.written)]
        before = max((self.depth_of(tensor) for tensor in given), default=0)
        reached = any(self.follows(tensor) for tensor in given)
        out = self.run(operation)
        if operation.returned_a_view(out):
            return out
        if operation.creates:
            self._mark(operation.results(out), 0, False)
        elif places is None:
            self._mark(operation.carrying(out), before + _length(operation), reached)
        else:
            self._mark_places(operation.written[0], places, before, reached, _adds(operation))
        return out

    def _mark(self, tensors: list[Tensor], depths: Any, reached: Any) -> None:
        for tensor in tensors:
            self.depths.write(tensor, depths)
            self.reached.write(tensor, reached)
            self.longest = max(self.longest, self.depth_of(tensor))

    def _mark_places(self, tensor: Tensor, places: Any, before: int, reached: bool, adds: bool) -> None:
        """Only where an operation wrote; one that adds waits for what stood there."""
        depths, was_reached = self.depths.read(tensor).max(axis=-1), self.reached.read(tensor).any(axis=-1)
        there = numpy.maximum(depths, before) if adds else before
        came = (was_reached | reached) if adds else reached
        self._mark([tensor], numpy.where(places, there + 1, depths), numpy.where(places, came, was_reached))


def _places(operation: Operation) -> Any:
    """Where an operation that writes by index writes: it runs again, writing ones to zeros."""
    given = operation.named
    ones: dict[str, Any] = {name: _ones(given[name]) for name in _WRITTEN_VALUES if name in given}
    if "reduce" in given:
        ones["reduce"] = _SUMS[operation.name]
    return (operation.func(**given | ones | {"self": torch.zeros_like(given["self"])}) != 0).numpy()


def _ones(values: Any) -> Any:
    return torch.ones_like(values) if isinstance(values, Tensor) else 1


def _adds(operation: Operation) -> bool:
    return operation.name in _ADDS or bool(operation.named.get("accumulate")) or "reduce" in operation.named


def _length(operation: Operation) -> int:
    if operation.name == SUBSTITUTION:
        return max(1, int(operation.named["self"].shape[-1]))
    if operation.name.rstrip("_") not in SCANS:
        return 1
    return max(1, math.ceil(math.log2(max(1, operation.named["self"].shape[operation.named["dim"]]))))
