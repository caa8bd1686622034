"""Which of the things that a call returns is the layer's output."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

_FIRST = ("last_hidden_state", "hidden_states", "output", "outputs", "out", "y", "x")


def place(result: Any, shape: torch.Size) -> int | str | None:
    """Where in a result the output stands: an index, a name, or None where it is the result itself.

    LookupError where no tensor of that shape is in it.
    """
    if isinstance(result, Tensor):
        if result.shape == shape:
            return None
        raise LookupError(shape)
    parts = dict(_parts(result))
    for key in (*(name for name in _FIRST if name in parts), *parts):
        if isinstance(parts[key], Tensor) and parts[key].shape == shape:
            found: int | str = key
            return found
    raise LookupError(shape)


def taken(result: Any, where: int | str | None) -> Any:
    """What stands there."""
    if where is None:
        return result
    if isinstance(where, str) and not isinstance(result, Mapping):
        return getattr(result, where)
    return result[where]


def others(result: Any, where: int | str | None) -> dict[Any, Any]:
    """What a result holds beside the output, and that is not None."""
    if where is None:
        return {}
    return {key: part for key, part in _parts(result) if key != where and part is not None}


def tensors(result: Any) -> list[Tensor]:
    """Those of a result, in its order."""
    return [part for part in (result, *(part for _, part in _parts(result))) if isinstance(part, Tensor)]


def shapes(result: Any) -> str:
    """The shapes of the tensors of a result, or its type, for a sentence."""
    found = [str(tuple(part.shape)) for part in tensors(result)]
    return " and ".join(found) if found else type(result).__name__


def _parts(result: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(result, Mapping):
        yield from result.items()
    elif isinstance(result, tuple | list):
        yield from enumerate(result)
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        yield from ((field.name, getattr(result, field.name)) for field in dataclasses.fields(result))
