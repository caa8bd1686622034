"""The numbers that a module holds, and putting them back: what a call changes would drift over thousands of calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves, tree_map

from rnn_vs_attn.measure.conduct.differences import same
from rnn_vs_attn.measure.states import differentiable

_NAMED = 3  # of all that a call changes
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class Holdings:
    """Copies of the floating-point tensors of a module: parameters, buffers, and attributes that are or hold tensors.

    Whole numbers are left alone: they do not drift to NaN, and a layer that counts its calls goes on counting.
    every_number: they are kept too, and numbers of Python, for what has to be the same function in every call.
    """

    def __init__(self, module: nn.Module, every_number: bool = False) -> None:
        self._is_kept = _is_number if every_number else _is_real
        self._kept = {name: (layer, key, self._copied(value)) for name, layer, key, value in self._places(module)}

    def changed(self) -> list[str]:
        """Names of those that are not what they were."""
        return [n for n, (layer, key, kept) in self._kept.items() if not self._alike(getattr(layer, key, None), kept)]

    @torch.no_grad()
    def put_back(self, names: Iterable[str] | None = None) -> None:
        """Make them what they were, in place where that can be; all that changed without `names`."""
        for name in self.changed() if names is None else names:
            if name in self._kept:
                self._put(*self._kept[name])

    def _places(self, module: nn.Module) -> Iterator[tuple[str, nn.Module, str, Any]]:
        """Name, layer, attribute and value of everything that is kept."""
        registered = {id(t) for t in (*module.parameters(), *module.buffers())}
        for path, layer in module.named_modules():
            own = {**dict(layer.named_parameters(recurse=False)), **dict(layer.named_buffers(recurse=False))}
            for key, value in vars(layer).items():
                if key not in _OF_EVERY_MODULE and not any(id(leaf) in registered for leaf in tree_leaves(value)):
                    own[key] = value
            held = {key: value for key, value in own.items() if any(map(self._is_kept, tree_leaves(value)))}
            yield from ((_joined(path, key), layer, key, value) for key, value in held.items())

    def _copied(self, value: Any) -> Any:
        return tree_map(lambda leaf: _copy(leaf) if self._is_kept(leaf) else leaf, value)

    def _alike(self, now: Any, kept: Any) -> bool:
        here, there = ([leaf for leaf in tree_leaves(value) if self._is_kept(leaf)] for value in (now, kept))
        return len(here) == len(there) and all(_same(a, b) for a, b in zip(here, there, strict=True))

    def _put(self, layer: nn.Module, key: str, kept: Any) -> None:
        now = getattr(layer, key, None)
        if isinstance(now, nn.Parameter) and now.shape == kept.shape:
            now.data.copy_(kept)
            return
        if isinstance(now, Tensor) and isinstance(kept, Tensor) and now.shape == kept.shape and not now.requires_grad:
            try:
                now.copy_(kept)
                return
            except RuntimeError:  # its elements share memory
                pass
        setattr(layer, key, nn.Parameter(kept.clone()) if isinstance(now, nn.Parameter) else self._copied(kept))


def said_of_changes(names: Sequence[str]) -> str:
    """What a row says of a module whose calls change what it holds under these names."""
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    what = "is" if len(names) == 1 else "are"
    return f"a call changes {named}, which {what} put back before the next one"


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_number(leaf: Any) -> bool:
    return _is_tensor_with_values(leaf) or isinstance(leaf, Number)


def _is_real(leaf: Any) -> bool:
    return _is_tensor_with_values(leaf) and differentiable(leaf)


def _is_tensor_with_values(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and not is_lazy(leaf) and leaf.layout == torch.strided and not leaf.is_meta


def _copy(leaf: Any) -> Any:
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return same(a.detach(), b)
    return type(a) is type(b) and (a == b or (a != a and b != b))
