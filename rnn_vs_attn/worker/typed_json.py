"""From what JSON holds to values of the types that are expected: dataclasses, and what their fields are made of."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


class Misunderstood(RuntimeError):
    """A message that is none of these, or lacks a field, or has one too many or of another type."""


def read(kind: Any, value: Any) -> Any:
    """What JSON holds as a value of that type: dataclasses, tuples, lists and dicts of such, optionals, plain values.

    Misunderstood where it does not fit. A whole number stands for a float as it is.
    """
    if is_dataclass(kind):
        return _dataclass(kind, value)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _first(args, value)
    if origin in (tuple, list) and isinstance(value, list):
        return origin(read(args[0], item) for item in value)
    if origin is dict and isinstance(value, dict):
        return {name: read(args[1], item) for name, item in value.items()}
    if kind is Any or type(value) is kind or (kind is float and type(value) is int):
        return value
    raise Misunderstood(f"{value!r} is no {getattr(kind, '__name__', kind)}")


def _dataclass(kind: Any, value: Any) -> Any:
    name, hints = kind.__name__, _hints(kind)
    if not isinstance(value, dict):
        raise Misunderstood(f"{value!r} is no {name}")
    for field in value.keys() ^ hints.keys():
        raise Misunderstood(f"{name} lacks {field!r}" if field in hints else f"{name} has no field {field!r}")
    return kind(**{field: read(hint, value[field]) for field, hint in hints.items()})


def _first(kinds: tuple[Any, ...], value: Any) -> Any:
    """The value as the first of these types that it fits."""
    for kind in kinds:
        try:
            return read(kind, value)
        except Misunderstood:
            continue
    raise Misunderstood(f"{value!r} is none of {', '.join(kind.__name__ for kind in kinds)}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    found = get_type_hints(kind)
    return {field.name: found[field.name] for field in fields(kind)}
