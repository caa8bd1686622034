"""The numbers that a module holds, and putting them back: what a call changes would drift over thousands of calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves, tree_map

from rnn_vs_attn.measure.conduct.differences import same

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class Holdings:
    """Copies of the floating-point tensors of a module: parameters, buffers, and attributes that are or hold tensors.

    Whole numbers are left alone: they do not drift to NaN, and a layer that counts its calls goes on counting.
    """

    def __init__(self, module: nn.Module) -> None:
        self._kept = {name: (layer, key, _copied(value)) for name, layer, key, value in _places(module)}

    def changed(self) -> list[str]:
        """Names of those that are not what they were."""
        return [n for n, (layer, key, kept) in self._kept.items() if not _alike(getattr(layer, key, None), kept)]

    @torch.no_grad()
    def put_back(self, names: Iterable[str] | None = None) -> None:
        """Make them what they were, in place where that can be; all that changed without `names`."""
        for name in self.changed() if names is None else names:
            if name in self._kept:
                _put(*self._kept[name])


def _places(module: nn.Module) -> Iterator[tuple[str, nn.Module, str, Any]]:
    """Name, layer, attribute and value of everything that is kept."""
    registered = {id(t) for t in (*module.parameters(), *module.buffers())}
    for path, layer in module.named_modules():
        own = {**dict(layer.named_parameters(recurse=False)), **dict(layer.named_buffers(recurse=False))}
        for key, value in vars(layer).items():
            if key not in _OF_EVERY_MODULE and not any(id(leaf) in registered for leaf in tree_leaves(value)):
                own[key] = value
        yield from ((_joined(path, key), layer, key, value) for key, value in own.items() if _drifts(value))


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _drifts(value: Any) -> bool:
    return any(_is_kept(leaf) for leaf in tree_leaves(value))


def _is_kept(leaf: Any) -> bool:
    if not isinstance(leaf, Tensor) or is_lazy(leaf) or leaf.layout != torch.strided or leaf.is_meta:
        return False
    return leaf.is_floating_point() or leaf.is_complex()


def _copied(value: Any) -> Any:
    return tree_map(lambda leaf: leaf.detach().clone() if _is_kept(leaf) else leaf, value)


def _alike(now: Any, kept: Any) -> bool:
    here, there = ([leaf for leaf in tree_leaves(value) if _is_kept(leaf)] for value in (now, kept))
    return len(here) == len(there) and all(same(a.detach(), b) for a, b in zip(here, there, strict=True))


def _put(layer: nn.Module, key: str, kept: Any) -> None:
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
    setattr(layer, key, nn.Parameter(kept.clone()) if isinstance(now, nn.Parameter) else _copied(kept))
