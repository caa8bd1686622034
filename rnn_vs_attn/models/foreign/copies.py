"""A copy of a module, where parts of it hold what Python does not copy and what no call changes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

_NEVER_CHANGE = (staticmethod, classmethod, ModuleType)
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def copy_of(module: nn.Module) -> nn.Module:
    """A copy of it, which shares static methods and modules of Python with it where one of its attributes is one."""
    try:
        return copy.deepcopy(module)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception:
        shared = list(_shared(module))
        if not shared:
            raise
    return copy.deepcopy(module, {id(each): each for each in shared})


def _shared(module: nn.Module) -> Iterator[Any]:
    for part in module.modules():
        held = (value for name, value in vars(part).items() if name not in _OF_EVERY_MODULE)
        yield from (leaf for value in held for leaf in tree_leaves(value) if isinstance(leaf, _NEVER_CHANGE))
