"""What operations a module runs: their FLOPs where every one of them is known, and the kernels by name.

Built-in models have closed forms (`models.costs`); this counter is for the user's own modules, and for saying which
kernel ran in any. FLOPs are of matrix products and convolutions; whatever else an operation does to elements has none,
also where a sum over elements that were multiplied before is what a product would be. A count that might be too low is
None, never a number: when an operation may hide a product, when memory was handed to what torch does not see or was
written by it (Triton, a C++ extension, NumPy), and when nothing at all was counted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial, partialmethod
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.measure.dataflow.shadow_memory import INDICES, Operation, name_of, tensors_of
from rnn_vs_attn.measure.operations import definitions
from rnn_vs_attn.measure.operations.formulas import flops_of
from rnn_vs_attn.measure.operations.multiplies import is_view_operator, may_multiply, never_multiplies

_UNSEEN = "outside torch's dispatcher"
_HIDDEN = "the operation {} may hide a matrix product whose FLOPs are not known"
_CREATES_UNWRITTEN = frozenset(
    ["empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"]
)
_LEAVES = ("numpy", "__array__", "__dlpack__", "data_ptr")
_TAKE_NO_VALUES = ("is_same_size", "_fused_sdp_choice", "resize", "set_", "record_stream")
_ADDED = ("bias", "attn_mask", "attn_bias")  # to a product


@dataclass
class OpCount(TorchDispatchMode):
    """Counts while active. `flops` is None as soon as it would be a guess; `reason` then says why."""

    counted: int = 0
    by_weights: int = 0  # of them those of products with a parameter
    weights: frozenset[int] = frozenset()  # where the memory of the parameters is
    reason: str = ""
    kernels: Counter[str] = field(default_factory=Counter)
    _is_aside: bool = False
    _unwritten: dict[int, Tensor] = field(default_factory=dict)

    supports_higher_order_operators = True

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    @property
    def flops(self) -> int | None:
        """FLOPs of all that was counted; None where something could not be."""
        if not self.counted:
            self.give_up("no matrix product was seen")
        return None if self.reason else self.counted

    def give_up(self, reason: str) -> None:
        self.reason = self.reason or reason

    def add(self, flops: int, factors: Sequence[Tensor]) -> None:
        self.counted += flops
        if self.weights and any(_place(tensor) in self.weights for tensor in factors):
            self.by_weights += flops

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within, kernels are named and their products are not counted, as somebody else does."""
        before, self._is_aside = self._is_aside, True
        try:
            yield
        finally:
            self._is_aside = before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, HigherOrderOperator):  # it calls functions, as a scan does, or has a mask of its own
            self.give_up(_HIDDEN.format(func.name()))
            return func(*args, **kwargs)
        if any(hasattr(kind, "__tensor_flatten__") for kind in types):
            return NotImplemented  # a tensor of tensors takes the operation apart, and its parts come here
        if _has_parts(func):  # without autograd torch leaves it whole
            with self:
                return func.decompose(*args, **kwargs)
        if never_multiplies(func) and not self._unwritten and name_of(func) not in _CREATES_UNWRITTEN:
            return func(*args, **kwargs)
        operation = Operation(func, args, kwargs)
        out = operation.run()
        self._follow_writes(operation, out)
        self._count(operation, out)
        return out

    def _count(self, operation: Operation, out: Any) -> None:
        flops = _known(operation, out)
        if flops is None and not may_multiply(operation):
            return
        self.kernels[operation.name] += 1
        if self._is_aside:
            return
        if flops is None:
            self.give_up(_HIDDEN.format(f"{operation.func.namespace}::{operation.name}"))
        else:
            self.add(flops, _multiplied(operation))

    def check_output(self, y: Tensor) -> None:
        """Call with the module's output: if nothing that was seen wrote it, something unseen did."""
        if _place(y) in self._unwritten:
            self.give_up(f"a kernel {_UNSEEN} wrote the output")

    def _follow_writes(self, operation: Operation, out: Any) -> None:
        """Note memory that was created without a value; reading it before a seen write means an unseen kernel ran."""
        if operation.name in _CREATES_UNWRITTEN:
            self._unwritten |= {_place(t): t for t in tensors_of(out) if t.numel() and t.dtype not in INDICES}
            return
        if not self._unwritten:
            return
        written = {id(tensor) for tensor in operation.written}
        read = {id(tensor) for tensor in _read(operation)}
        for tensor in operation.tensors:
            if id(tensor) in written:
                self._unwritten.pop(_place(tensor), None)
            elif id(tensor) in read and _place(tensor) in self._unwritten:
                self.give_up(f"a kernel {_UNSEEN} ran (Triton or an extension)")


@contextmanager
def _handed_out(counter: OpCount) -> Iterator[None]:
    """Within, values that leave torch as memory, where anything may multiply them, are told to the counter.

    A mode for torch's functions would see them too, but turns off fused layers, which look for one.
    """

    def leave(name: str, method: Callable[..., Any], tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        if tensor.dtype not in INDICES:
            counter.give_up(f"{name}() hands a tensor to what runs {_UNSEEN}")
        return method(tensor, *args, **kwargs)

    with ExitStack() as replaced:
        for name in _LEAVES:
            method = partialmethod(partial(leave, name, getattr(Tensor, name)))
            replaced.enter_context(patch.object(Tensor, name, method))
        yield


def count(call: Callable[[], Tensor], module: nn.Module | None = None) -> OpCount:
    """Run `call` once and count what it runs; it returns the output of the module, whose parameters are told apart.

    Where the module does not run while operations are counted, its FLOPs are unknown; what else is wrong with it is for
    the passes that are timed to say.
    """
    parameters = module.parameters() if module is not None else ()
    counter = OpCount(weights=frozenset(map(_place, parameters)) - {0})
    try:
        with _uncompiled(), definitions.told_to(counter), _handed_out(counter), counter:
            y = call()
    except (UserError, CaseFault, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        counter.give_up(f"it does not run while operations are counted: {first_line(error)}")
    else:
        counter.check_output(y)
    return counter


def _uncompiled() -> AbstractContextManager[None]:
    """Within, what a module compiles by itself runs operation by operation."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


@cache
def _has_parts(func: Any) -> bool:
    """Whether it is made of other operations for every device."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"))


def _known(operation: Operation, out: Any) -> int | None:
    """FLOPs by a formula of ours, else by one that somebody gave torch for an operator of their own."""
    if operation.func.namespace in ("aten", "mkldnn", "torch_attn"):
        return flops_of(operation, out)
    formula = flop_registry.get(operation.func.overloadpacket)
    return int(formula(*operation.args, **operation.kwargs, out_val=out)) if formula else None


def _multiplied(operation: Operation) -> list[Tensor]:
    """The tensors that a product is of: all but those that are added to it."""
    added = ("self", *_ADDED) if operation.name.startswith(("add", "baddbmm")) else _ADDED
    return tensors_of([value for name, value in operation.named.items() if name not in added])


def _read(operation: Operation) -> list[Tensor]:
    """The tensors whose values an operation takes."""
    if is_view_operator(operation.func) or operation.name.startswith(_TAKE_NO_VALUES):
        return []
    if operation.named.get("beta") == 0:
        return [tensor for tensor in operation.given if tensor is not operation.named.get("self")]
    return operation.given


def _place(tensor: Tensor) -> int:
    """Where a tensor's memory is; 0 for one without memory of its own."""
    return tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided and not tensor.is_nested else 0
