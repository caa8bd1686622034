"""Sequential operations: the longest chain of operations of a forward pass that wait for each other.

The operations are recorded as torch runs them, with which memory each one reads and writes, so that positions of one
buffer that are written one by one, by a slice or by an index, do not wait for each other. A view of a tensor and a new
tensor without a value are no operations; everything else that reads what came from the input counts as one, and a
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
    Shadows,
    Witnessed,
    creates,
    is_view,
    named_arguments,
    tensors_of,
    written_tensors,
)
from rnn_vs_attn.models import build

_NONE = -1  # of memory that nothing of the input has come to
SCANS = frozenset(["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
_HIDES_ITS_CHAIN = frozenset(
    """
    mkldnn_rnn_layer _cudnn_rnn miopen_rnn quantized_lstm linalg_solve_triangular triangular_solve linalg_lu
    linalg_lu_factor_ex linalg_lu_solve linalg_ldl_factor_ex linalg_cholesky_ex cholesky cholesky_solve linalg_inv_ex
    _linalg_solve_ex linalg_qr linalg_eig linalg_eigh _linalg_eigh _linalg_svd linalg_matrix_exp
    """.split()
)
_OVERWRITES = frozenset(["copy_", "fill_", "zero_"])  # whatever stood there before
_WRITES_BY_INDEX = frozenset(["index_put_", "index_copy_", "scatter_"])
_WRITTEN_VALUES = ("values", "source", "src", "value")  # what their schemas call what they write


def sequential_operations(module: nn.Module, x: Tensor) -> int:
    """The longest chain from x (B, L, D) to the module's output. CaseFault where it cannot be seen."""
    recorder = Chains(Witnessed(module, x))
    recorder.depths.write(x, 0)
    with torch.no_grad(), sequential_forms(), recorder:
        y = build.call(module.eval(), x)
    found = recorder.depth_of(y)
    if found == _NONE:
        raise CaseFault(
            "unsupported", "its output was written by a kernel that torch does not see, and hides its chain"
        )
    return found


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


@dataclass
class Chains(TorchDispatchMode):
    """While active, keeps for each element of memory how many operations stand between it and the input."""

    witnessed: Witnessed
    depths: Shadows = field(default_factory=lambda: Shadows(numpy.int32, _NONE))

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def depth_of(self, tensor: Tensor) -> int:
        return int(self.depths.read(tensor).max(initial=_NONE))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket._qualified_op_name.split("::")[-1]
        given = [] if creates(name) else tensors_of((args, kwargs))
        self.witnessed.check(name, given)
        written = written_tensors(func, args, kwargs)
        places = _places(func, args, kwargs) if name in _WRITES_BY_INDEX else None
        if name in _OVERWRITES or "out" in kwargs or places is not None:
            given = [tensor for tensor in given if not any(tensor is other for other in written)]
        before = max((self.depth_of(tensor) for tensor in given), default=_NONE)
        if before != _NONE and (name in _HIDES_ITS_CHAIN or name in LEAVES_TORCH):
            raise CaseFault("unsupported", f"the operation {name} hides what waits for it")
        out = func(*args, **kwargs)
        self.witnessed.add([*tensors_of(out), *written])
        if not is_view(func, args, out):
            depth = before if before == _NONE else before + _operations(func, name, args, kwargs)
            for tensor in [*tensors_of(out), *written]:
                kept = self.depths.read(tensor).max(axis=-1)
                self.depths.write(tensor, depth if places is None else numpy.where(places, depth, kept))
        return out


def _places(func: Any, args: Any, kwargs: Any) -> Any:
    """Where an operation that writes by index writes: it runs again, writing ones to zeros. None where it adds."""
    given = named_arguments(func, args, kwargs)
    if given.get("accumulate") or "reduce" in given:
        return None
    ones = {name: _ones(given[name]) for name in _WRITTEN_VALUES if name in given}
    return (func(**given | ones | {"self": torch.zeros_like(given["self"])}) != 0).numpy()


def _ones(values: Any) -> Any:
    return torch.ones_like(values) if isinstance(values, Tensor) else 1


def _operations(func: Any, name: str, args: Any, kwargs: Any) -> int:
    if name.rstrip("_") not in SCANS:
        return 1
    given = named_arguments(func, args, kwargs)
    return max(1, math.ceil(math.log2(max(1, given["self"].shape[given["dim"]]))))
