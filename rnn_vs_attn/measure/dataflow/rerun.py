"""Which elements of an operation's output depend on which of its inputs: it is run again with some of them changed."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.dataflow.shadow_memory import Operation, tensors_of
from rnn_vs_attn.measure.states import differentiable

SIZES = (1.0, 1e12, -1e12)  # of what is added to an input: a weight may be so small that only a large value shows,
# and of a maximum only one that is larger


class Rerun:
    """An operation with a copy of what it was given, to be run again with some of it changed."""

    def __init__(self, operation: Operation) -> None:
        self._func = operation.func
        leaves, self._spec = tree_flatten((operation.args, operation.kwargs))
        self._written = [next(i for i, leaf in enumerate(leaves) if leaf is tensor) for tensor in operation.written]
        self._draws = torch.Tag.nondeterministic_seeded in operation.func.tags
        self._leaves = [_copy(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self._noise = [_noise(leaf) if isinstance(leaf, Tensor) else None for leaf in leaves]
        self._expected = self._run(self._leaves)

    def changed(self, masks: list[Any]) -> list[Any]:
        """For each result, which of its elements are others when the masked elements of the tensors given are."""
        found: list[Any] = [False] * len(self._expected)
        for size in SIZES:
            left = iter(masks)
            pairs = zip(self._leaves, self._noise, strict=True)
            leaves = [_other(x, next(left), size, noise) if isinstance(x, Tensor) else x for x, noise in pairs]
            for i, (a, b) in enumerate(zip(self._run(leaves), self._expected, strict=True)):
                found[i] = found[i] | numpy.asarray((a != b) & ~((a != a) & (b != b)))
        return found

    def _run(self, leaves: list[Any]) -> list[Tensor]:
        """What it makes of the leaves, which stay as they are, and what it writes."""
        if self._written:
            leaves = [_copy(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        args, kwargs = tree_unflatten(leaves, self._spec)
        if self._draws:
            torch.default_generator.manual_seed(0)  # the same numbers again; of the CPU alone, which is quick
        return [*tensors_of(self._func(*args, **kwargs)), *(leaves[i] for i in self._written)]


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def _noise(tensor: Tensor) -> Tensor | None:
    if not differentiable(tensor):
        return None
    return torch.randn(tensor.shape, dtype=tensor.dtype)


def _other(tensor: Tensor, mask: Any, size: float, noise: Tensor | None) -> Tensor:
    """The tensor with other values where the mask is. CaseFault where positions have become whole numbers."""
    if not mask.any():
        return tensor
    where = torch.from_numpy(mask)
    if tensor.dtype == torch.bool:
        return tensor ^ where
    if noise is None:
        raise CaseFault("unsupported", "it computes indices from its input, along which no route can be followed")
    return torch.where(where, tensor + size * noise, tensor)
