"""What is known of each element of memory while torch runs: an array beside every storage, in the same order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy
from numpy.lib.stride_tricks import as_strided
from torch import Tensor, nn
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
        if storage.data_ptr() not in self._arrays:
            size = tensor.element_size() // (2 if tensor.is_complex() else 1)
            self._arrays[storage.data_ptr()] = numpy.full(storage.nbytes() // size, self.blank, self.dtype)
            self._sizes[storage.data_ptr()] = size
            self._alive.append(tensor)
        self._region(tensor)[...] = numpy.asarray(values)[..., None]

    def _region(self, tensor: Tensor) -> Any:
        """CaseFault where bytes are taken for numbers of another size."""
        place = tensor.untyped_storage().data_ptr()
        array, size = self._arrays[place], self._sizes[place]
        numbers, rest = divmod(tensor.element_size(), size)
        if rest or not numbers:
            raise CaseFault("unsupported", "it reads memory as numbers of another size, which cannot be followed")
        strides = (*(step * numbers * array.itemsize for step in tensor.stride()), array.itemsize)
        return as_strided(array[tensor.storage_offset() * numbers :], (*tensor.shape, numbers), strides)


LEAVES_TORCH = frozenset(["_local_scalar_dense", "item", "is_nonzero", "equal"])  # a value becomes Python's


class Witnessed:
    """The memory that a module had, or an operation wrote: whatever else turns up was written where torch does not see.

    A constant that the module does not hold cannot be told from that, and is refused too.
    """

    def __init__(self, module: nn.Module, x: Tensor) -> None:
        self._places: set[int] = set()
        self._length = x.shape[1]
        self.add([x, *_held(module)])

    def add(self, tensors: list[Tensor]) -> None:
        self._places |= {tensor.untyped_storage().data_ptr() for tensor in tensors}

    def check(self, name: str, tensors: list[Tensor]) -> None:
        """CaseFault where an operation reads what nothing was seen to write."""
        few = self._length if name.startswith("lift_fresh") else 1  # torch.tensor(...) of a few numbers is a constant
        for tensor in tensors:
            if tensor.numel() >= few and tensor.untyped_storage().data_ptr() not in self._places:
                raise CaseFault("unsupported", "it reads memory that torch did not see being written")


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


def creates(name: str) -> bool:
    """Whether an operation makes a tensor that depends on none of its arguments' values."""
    return name.startswith(_CREATES)


def is_view(func: Any, args: Any, out: Any) -> bool:
    """Whether an operation returned memory that it was given, and wrote none."""
    made = tensors_of(out)
    held = {tensor.untyped_storage().data_ptr() for tensor in tensors_of(args)}
    writes = any(
        argument.alias_info is not None and argument.alias_info.is_write for argument in func._schema.arguments
    )
    return not writes and bool(made) and all(tensor.untyped_storage().data_ptr() in held for tensor in made)


def tensors_of(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def named_arguments(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Arguments by the names of the operation's schema, defaults left out."""
    names = (argument.name for argument in func._schema.arguments)
    return dict(zip(names, args, strict=False)) | kwargs


def written_tensors(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The arguments that an operation writes to."""
    given = named_arguments(func, args, kwargs)
    writes = [a.name for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    return tensors_of([given[name] for name in writes if name in given])
