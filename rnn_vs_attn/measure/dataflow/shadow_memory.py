"""What is known of each element of memory while torch runs: an array beside every storage, in the same order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy
import torch
from numpy.lib.stride_tricks import as_strided
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rnn_vs_attn.errors import CaseFault

_CREATES = ("empty", "zeros", "ones", "full", "rand", "new_", "arange", "linspace", "eye", "scalar_tensor", "tril_ind")


@dataclass
class Shadows:
    """One value for each number in every storage that was written to, two for a complex one; `blank` where nothing was.

    Tensors are kept alive, so that no memory is given to another one while it is recorded.
    """

    dtype: Any
    blank: int
    _arrays: dict[int, Any] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)  # bytes of a number
    _alive: list[Tensor] = field(default_factory=list)

    def read(self, tensor: Tensor) -> Any:
        """An array of the tensor's shape and one axis more, the numbers of an element; not to be written to."""
        if tensor.untyped_storage().data_ptr() not in self._arrays:
            return numpy.broadcast_to(numpy.asarray(self.blank, self.dtype), (*tensor.shape, 1))
        return self._region(tensor)

    def write(self, tensor: Tensor, values: Any) -> None:
        """Set the tensor's elements to a number, or to an array of its shape."""
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        if place not in self._arrays:
            if not place and tensor.numel():
                raise CaseFault("unsupported", f"it runs on a {type(tensor).__name__} without memory of its own")
            self._sizes[place] = tensor.element_size() // (2 if tensor.is_complex() else 1)
            self._arrays[place] = numpy.full(0, self.blank, self.dtype)
            self._alive.append(tensor)
        known, numbers = self._arrays[place], storage.nbytes() // self._sizes[place]
        if numbers > len(known):  # it is new, or grew where it stands
            more = numpy.full(numbers - len(known), self.blank, self.dtype)
            self._arrays[place] = numpy.concatenate([known, more])
        self._region(tensor)[...] = numpy.asarray(values)[..., None]

    def _region(self, tensor: Tensor) -> Any:
        """CaseFault where bytes are taken for numbers of another size, or memory lies beyond what is known."""
        place = tensor.untyped_storage().data_ptr()
        array, size = self._arrays[place], self._sizes[place]
        numbers, rest = divmod(tensor.element_size(), size)
        if rest or not numbers:
            raise CaseFault("unsupported", "it reads memory as numbers of another size, which cannot be followed")
        first, elements = tensor.storage_offset(), tensor.numel()
        if tensor.is_contiguous():
            last = first + elements - 1
        else:
            last = first + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
        if elements and (last + 1) * numbers > len(array):
            raise CaseFault("unsupported", "it reads beyond the memory that torch was seen to make")
        if tensor.is_contiguous():
            return array[first * numbers : (first + elements) * numbers].reshape(*tensor.shape, numbers)
        strides = (*(step * numbers * array.itemsize for step in tensor.stride()), array.itemsize)
        return as_strided(array[first * numbers :], (*tensor.shape, numbers), strides)


# What picks elements. torch itself writes some by pointer, such as the lengths of a packed sequence.
INDICES = frozenset([torch.bool, torch.int32, torch.int64])
_LEAVES_TORCH = frozenset(["_local_scalar_dense", "item", "is_nonzero", "equal"])  # a value becomes Python's
_EXITS = ("numpy", "tolist", "__array__", "__dlpack__", "data_ptr")  # so do they, of tensors
_TORCHS_OWN = ("aten", "prims", "prim", "mkldnn")  # libraries of operators that are one operation each
_HIDES = re.compile(  # solvers and decompositions, element after element, and recurrences as one kernel
    r"linalg_|cholesky|solve|geqrf|ormqr|householder|(rnn|lstm|gru)(_layer|_mps|$)"
)
_IS_KNOWN = re.compile(  # of linear algebra: one step, or in a triangular system one after another (critical_path)
    r"vector_norm|powsum|cross|diagonal|check_errors|linalg_solve_triangular"
)


class Operation:
    """One operation as torch runs it. given: the tensors whose values it takes. written: those it writes to."""

    def __init__(self, func: Any, args: Any, kwargs: Any) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs or {}
        self.name, names, writes = _signature(func)
        self.named: dict[str, Any] = dict(zip(names, args, strict=False)) | self.kwargs  # defaults left out
        self.creates = self.name.startswith(_CREATES)
        self.tensors = tensors_of((args, self.kwargs))
        self.given = [] if self.creates else self.tensors
        self.written = tensors_of([self.named[name] for name in writes if name in self.named])

    @property
    def hides(self) -> bool:
        """Whether it may be many that wait for each other: a solver, a fused recurrence, an operator that is not
        torch's own; or whether it makes a value Python's.
        """
        is_many = _HIDES.search(self.name) is not None and _IS_KNOWN.search(self.name) is None
        return is_many or self.name in _LEAVES_TORCH or self.func.namespace not in _TORCHS_OWN

    def run(self) -> Any:
        return self.func(*self.args, **self.kwargs)

    def results(self, out: Any) -> list[Tensor]:
        """All that it made or wrote."""
        return [*tensors_of(out), *self.written]

    def carrying(self, out: Any) -> list[Tensor]:
        """Results that values of its tensors go into; of a packed sequence not how many are left at each step."""
        return self.results(out)[:1] if self.name == "_pack_padded_sequence" else self.results(out)

    def returned_a_view(self, out: Any) -> bool:
        """Whether it returned memory that it was given, and wrote none."""
        made, held = tensors_of(out), {_place(tensor) for tensor in tensors_of(self.args)}
        return not self.written and bool(made) and all(_place(tensor) in held for tensor in made)


class Recorder(TorchDispatchMode):
    """While active, hands every operation to `record`, which runs it. CaseFault at one that nothing is known behind."""

    def __init__(self, module: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.witnessed = Witnessed(module, x)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        operation = Operation(func, args, kwargs)
        self.witnessed.check(operation)
        if operation.hides and any(self.follows(tensor) for tensor in operation.given):
            raise CaseFault("unsupported", f"the operation {operation.name} hides what it does with the sequence")
        return self.record(operation)

    def run(self, operation: Operation) -> Any:
        """What an operation returns. CaseFault where it read what was never written."""
        out = operation.run()
        self.witnessed.ran(operation, out)
        return out

    def follows(self, tensor: Tensor) -> bool:
        """Whether anything of the input came to it."""
        raise NotImplementedError

    def record(self, operation: Operation) -> Any:
        """Run it, and note what came of it."""
        raise NotImplementedError


class Exits(TorchFunctionMode):
    """While active, CaseFault where a tensor of which `follows` holds is taken out of torch."""

    def __init__(self, follows: Callable[[Tensor], bool]) -> None:
        super().__init__()
        self._follows = follows

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _EXITS and isinstance(args[0], Tensor) and self._follows(args[0]):
            raise CaseFault("unsupported", f"{name}() takes values out of torch, where they are not seen")
        return func(*args, **(kwargs or {}))


class Witnessed:
    """The memory that a module had, or an operation wrote: whatever else turns up was written where torch does not see.

    A constant that the module does not hold cannot be told from that, and is refused too; one that is made of Python's
    numbers can, as `Exits` lets none of the input become one.
    """

    def __init__(self, module: nn.Module, x: Tensor) -> None:
        self._places: set[int] = set()
        self._unwritten: set[int] = set()
        self.add([x, *_held(module)])

    def add(self, tensors: list[Tensor]) -> None:
        """What stands in these is known from now on."""
        self._places |= {_place(tensor) for tensor in tensors}

    def check(self, operation: Operation) -> None:
        """CaseFault where an operation reads what nothing was seen to write."""
        if operation.name.startswith("lift_fresh"):  # torch.tensor(...) of Python's numbers
            self.add(operation.given)
        if any(tensor.numel() and _place(tensor) not in self._places for tensor in operation.given):
            raise CaseFault("unsupported", "it reads memory that torch did not see being written")

    def ran(self, operation: Operation, out: Any) -> None:
        """What an operation read and wrote. CaseFault where it read what was never written."""
        results = operation.results(out)
        self.add(results)
        if operation.returned_a_view(out):
            return
        read = [t for t in operation.given if t.numel() and not any(t is other for other in operation.written)]
        if any(_place(tensor) in self._unwritten for tensor in read):
            raise CaseFault("unsupported", "it reads memory that torch made and did not see being written")
        places = {_place(tensor) for tensor in results if tensor.dtype not in INDICES}
        self._unwritten = self._unwritten | places if "empty" in operation.name else self._unwritten - places


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _held(module: nn.Module) -> list[Tensor]:
    """Parameters, buffers and all other tensors that stand in a module's attributes."""
    found: list[Tensor] = []
    for part in module.modules():
        for leaf in tree_leaves(list(vars(part).values())):
            if isinstance(leaf, Tensor):
                found.append(leaf)
            elif isinstance(leaf, nn.Module) and leaf is not part:  # in a list that torch does not look into
                found += [*leaf.parameters(), *leaf.buffers()]
    return [*found, *module.parameters(), *module.buffers()]


def name_of(func: Any) -> str:
    """An operation's name without its library's."""
    name: str = func.overloadpacket._qualified_op_name
    return name.split("::")[-1]


@lru_cache(maxsize=1024)
def _signature(func: Any) -> tuple[str, list[str], list[str]]:
    """An operation's name, the names of its arguments, and of those that it writes to."""
    arguments = func._schema.arguments
    writes = [a.name for a in arguments if a.alias_info is not None and a.alias_info.is_write]
    return name_of(func), [a.name for a in arguments], writes


def tensors_of(values: Any) -> list[Tensor]:
    """All that stand in an operation's arguments or results."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, list | tuple):
        return []
    return [tensor for value in values for tensor in tensors_of(value)]
