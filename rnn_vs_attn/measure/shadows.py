"""What is known of each element of memory while torch runs: an array beside every storage, in the same order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy
from numpy.lib.stride_tricks import as_strided
from torch import Tensor
from torch.utils._pytree import tree_leaves

_CREATES = ("empty", "zeros", "ones", "full", "rand", "new_", "arange", "linspace", "eye", "scalar_tensor", "tril_ind")


@dataclass
class Shadows:
    """One value for each element of every storage that was written to; `blank` where nothing was.

    Tensors are kept alive, so that no memory is given to another one while it is recorded.
    """

    dtype: Any
    blank: int
    _arrays: dict[int, Any] = field(default_factory=dict)
    _alive: list[Tensor] = field(default_factory=list)

    def read(self, tensor: Tensor) -> Any:
        """An array of the tensor's shape, not to be written to."""
        array = self._arrays.get(tensor.untyped_storage().data_ptr())
        if array is None:
            return numpy.broadcast_to(numpy.asarray(self.blank, self.dtype), tuple(tensor.shape))
        return _region(array, tensor)

    def write(self, tensor: Tensor, values: Any) -> None:
        """Set the tensor's elements to a number, or to an array of its shape."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._arrays:
            size = storage.nbytes() // tensor.element_size()
            self._arrays[storage.data_ptr()] = numpy.full(size, self.blank, self.dtype)
            self._alive.append(tensor)
        _region(self._arrays[storage.data_ptr()], tensor)[...] = values


def _region(array: Any, tensor: Tensor) -> Any:
    strides = tuple(step * array.itemsize for step in tensor.stride())
    return as_strided(array[tensor.storage_offset() :], tuple(tensor.shape), strides)


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
