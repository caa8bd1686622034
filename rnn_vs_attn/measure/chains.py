"""Sequential operations: the longest chain of operations of a forward pass that wait for each other.

The operations are recorded as torch runs them, with which memory each one reads and writes, so that positions of one
buffer that are written one by one, by a slice or by an index, do not wait for each other. A view of a tensor and a new
tensor without a value are no operations; everything else counts as one, also what only parameters go into, and a
cumulative sum over m positions as the ceil(log2 m) that a parallel one takes. An operation that is a sum or a product
over many elements counts as one, as in Table 1 of Vaswani et al. 2017. Fused recurrent kernels, which hide their chain,
are off while it is recorded, so torch's own recurrences run their sequential form.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.shadows import (
    LEAVES_TORCH,
    Exits,
    Shadows,
    Witnessed,
    creates,
    hides,
    is_view,
    named_arguments,
    tensors_of,
    written_tensors,
)
from rnn_vs_attn.models import build

SCANS = frozenset(["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
_OVERWRITES = frozenset(["copy_", "fill_", "zero_"])  # whatever stood there before
_WRITES_BY_INDEX = frozenset(
    """
    index_put_ _index_put_impl_ index_copy_ index_fill_ index_add_ index_reduce_ scatter_ scatter_add_ scatter_reduce_
    masked_scatter_ masked_fill_
    """.split()
)
_WRITTEN_VALUES = ("values", "source", "src", "value")  # what their schemas call what they write
_ADDS = frozenset(["index_add_", "index_reduce_", "scatter_add_", "scatter_reduce_"])  # to what stood there
_SUMS = {"aten::scatter_": "add", "aten::scatter_reduce_": "sum", "aten::index_reduce_": "mean"}


def sequential_operations(module: nn.Module, x: Tensor) -> int:
    """The longest chain of one forward pass of x (B, L, D). CaseFault where it cannot be seen."""
    recorder = Chains(Witnessed(module, x))
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


@dataclass(repr=False)
class Chains(TorchDispatchMode):
    """While active, keeps for each element of memory how many operations it waited for, and whether the input came to
    it. longest: of all operations.
    """

    witnessed: Witnessed
    depths: Shadows = field(default_factory=lambda: Shadows(numpy.int32, 0))
    reached: Shadows = field(default_factory=lambda: Shadows(bool, False))
    longest: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def follows(self, tensor: Tensor) -> bool:
        """Whether anything of the input came to it."""
        return bool(self.reached.read(tensor).any())

    def depth_of(self, tensor: Tensor) -> int:
        return int(self.depths.read(tensor).max(initial=0))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket._qualified_op_name.split("::")[-1]
        given = [] if creates(name) else tensors_of((args, kwargs))
        written = written_tensors(func, args, kwargs)
        self.witnessed.check(name, given)
        places = _places(func, args, kwargs) if name in _WRITES_BY_INDEX else None
        if name in _OVERWRITES or "out" in kwargs or places is not None:
            given = [tensor for tensor in given if not any(tensor is other for other in written)]
        reached = any(self.follows(tensor) for tensor in given)
        if reached and (hides(func, name) or name in LEAVES_TORCH):
            raise CaseFault("unsupported", f"the operation {name} hides what waits for it")
        before = max((self.depth_of(tensor) for tensor in given), default=0)
        out = func(*args, **kwargs)
        results = [*tensors_of(out), *written]
        self.witnessed.add(results)
        if is_view(func, args, out):
            return out
        self.witnessed.ran(name, given, written, results)
        if creates(name):
            self._mark(results, 0, False)
        else:
            operations = _operations(func, name, args, kwargs)
            if places is None:
                self._mark(results, before + operations, reached)
            else:
                self._mark_places(results, places, before, reached, adds=_adds(func, name, args, kwargs))
        return out

    def _mark(self, tensors: list[Tensor], depths: Any, reached: Any) -> None:
        for tensor in tensors:
            self.depths.write(tensor, depths)
            self.reached.write(tensor, reached)
            self.longest = max(self.longest, self.depth_of(tensor))

    def _mark_places(self, tensors: list[Tensor], places: Any, before: int, reached: bool, adds: bool) -> None:
        """Only where an operation wrote; one that adds waits for what stood there."""
        for tensor in tensors[:1]:
            depths, was_reached = self.depths.read(tensor).max(axis=-1), self.reached.read(tensor).any(axis=-1)
            there = numpy.maximum(depths, before) if adds else before
            self._mark(
                [tensor],
                numpy.where(places, there + 1, depths),
                numpy.where(places, reached | (was_reached if adds else False), was_reached),
            )


def _places(func: Any, args: Any, kwargs: Any) -> Any:
    """Where an operation that writes by index writes: it runs again, writing ones to zeros."""
    given = named_arguments(func, args, kwargs)
    ones: dict[str, Any] = {name: _ones(given[name]) for name in _WRITTEN_VALUES if name in given}
    if "reduce" in given:
        ones["reduce"] = _SUMS[func.overloadpacket._qualified_op_name]
    return (func(**given | ones | {"self": torch.zeros_like(given["self"])}) != 0).numpy()


def _ones(values: Any) -> Any:
    return torch.ones_like(values) if isinstance(values, Tensor) else 1


def _adds(func: Any, name: str, args: Any, kwargs: Any) -> bool:
    given = named_arguments(func, args, kwargs)
    return name in _ADDS or bool(given.get("accumulate")) or "reduce" in given


def _operations(func: Any, name: str, args: Any, kwargs: Any) -> int:
    if name.rstrip("_") not in SCANS:
        return 1
    given = named_arguments(func, args, kwargs)
    return max(1, math.ceil(math.log2(max(1, given["self"].shape[given["dim"]]))))
