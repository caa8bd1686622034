"""The tensors of a state, whatever it is made of: one that were not found would be a gradient of 0."""

from __future__ import annotations

import copyreg
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from enum import Enum
from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError

_HOLD_NONE = (Number, str, bytes, Enum, torch.Size, torch.dtype, torch.device, type(None))


def tensors(state: Any) -> list[Tensor]:
    """Every tensor of a state, always in the same order. UserError where it holds what nothing is known of."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    mapped(state, note)
    return found


def with_tensors(state: Any, replacements: list[Tensor]) -> Any:
    """The same state with other tensors, in the order of `tensors`."""
    following = iter(replacements)
    return mapped(state, lambda _: next(following))


def copied(state: Any) -> Any:
    """A state of its own: a step may change the one that it is given."""
    return mapped(state, torch.clone)


def form(state: Any) -> list[Any]:
    """All of a state but the numbers that a gradient goes to: shapes, and what says where in a tensor things stand."""
    found: list[Any] = []

    def note(tensor: Tensor) -> Tensor:
        found.append((tensor.shape, None if differentiable(tensor) else tensor.cpu().numpy().tobytes()))
        return tensor

    mapped(state, note, found.append)
    return found


def differentiable(tensor: Tensor) -> bool:
    """Whether a gradient can go to its numbers: real or complex ones."""
    return tensor.is_floating_point() or tensor.is_complex()


def mapped(
    state: Any,
    change: Callable[[Tensor], Tensor],
    note: Callable[[Any], None] = lambda constant: None,
    name: str = "state",
    inside: tuple[int, ...] = (),
    constant: Callable[[Any], Any] = lambda value: value,
) -> Any:
    """The state made anew, every tensor of it changed and the rest noted.

    name: where this part of it stands. inside: the parts that it stands in. constant: what takes the place of what is
    no tensor.
    """
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, _HOLD_NONE):
        note(state)
        return constant(state)
    if id(state) in inside:
        raise UserError(f"its {name} is a part of itself")

    def part(value: Any, where: str) -> Any:
        return mapped(value, change, note, name + where, (*inside, id(state)), constant)

    kind: Any = type(state)
    if kind in (list, tuple):
        return kind(part(value, f"[{i}]") for i, value in enumerate(state))
    if kind in (dict, OrderedDict, defaultdict):
        made = state.copy()
        note(list(made))
        made.update((key, part(value, f"[{key!r}]")) for key, value in state.items())
        return made
    if isinstance(state, tuple) and hasattr(kind, "_fields"):
        return kind(*(part(getattr(state, field), f".{field}") for field in kind._fields))
    return _object(state, part, name)


def _object(state: Any, part: Callable[[Any, str], Any], name: str) -> Any:
    kind: Any = type(state)
    if not _is_its_attributes(state):
        raise UserError(
            f"its {name} is a {kind.__name__}, which is neither a tensor nor a number; let it be of tensors and "
            "numbers, in lists, tuples, dicts, dataclasses or objects with attributes"
        )
    attributes = list(_attributes(state))
    made = object.__new__(kind) if attributes else state
    for attribute, value in attributes:
        object.__setattr__(made, attribute, part(value, f".{attribute}"))
    return made


def _is_its_attributes(part: Any) -> bool:
    """Whether an object is a plain one: Python would copy it by its attributes and nothing else."""
    if isinstance(part, nn.Module):
        return False
    try:
        way = part.__reduce_ex__(2)
    except Exception:
        return False
    return isinstance(way, tuple) and way[:2] == (copyreg.__newobj__, (type(part),)) and not any(way[3:])  # type: ignore[attr-defined]


def _attributes(part: Any) -> Iterator[tuple[str, Any]]:
    """Names and values, of slots too."""
    yield from getattr(part, "__dict__", {}).items()
    for kind in type(part).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{kind.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__") and hasattr(part, name):
                yield name, getattr(part, name)
