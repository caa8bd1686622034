"""A target with what it is called with, and why one cannot be called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from rnn_vs_attn.errors import first_line


class Unfit(Exception):
    """Why a target cannot be called with what is known here: one clause, whose subject is the model.

    values: what could be given so far; way: what the user can do, "" where the clause says it already.
    """

    def __init__(self, reason: str, values: Mapping[str, Any] | None = None, way: str = "") -> None:
        super().__init__(reason)
        self.reason, self.values, self.way = reason, values or {}, way


OTHERWISE = "give other values by --model-arg NAME=VALUE"


@dataclass(frozen=True)
class Filled:
    """A target and what it is called with; configuration objects among that are made with each call.

    names: all that can be given. layers: whether it is told how many layers it has. plain: whether nothing is given but
    what the program calls by these names itself.
    """

    target: Callable[..., Any]
    values: Mapping[str, Any]
    names: Sequence[str] = ()
    layers: bool = False
    plain: bool = False
    takes_width: bool = True
    open: bool = field(default=False, repr=False)

    def make(self) -> Any:
        """What the target returns. Unfit where a configuration object refuses a value."""
        return self.target(**{name: _made(value) for name, value in self.values.items()})

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={v if isinstance(v, Filled) else repr(v)}" for name, v in self.values.items())
        return f"{name_of(self.target)}({inside})"


def first_made(found: Filled, others: Iterable[Filled]) -> Filled:
    """`found`, or where its class refuses it the first of the others that it takes, if it takes one."""
    for each in chain([found], others):
        try:
            each.make()
        except Exception:
            continue
        return each
    return found


def configurations(values: Mapping[str, Any]) -> list[Filled]:
    """The configuration objects among arguments, each before those that stand in it."""
    return [
        each
        for value in values.values()
        if isinstance(value, Filled)
        for each in (value, *configurations(value.values))
    ]


def name_of(target: Callable[..., Any]) -> str:
    """What a class or function is called."""
    inner = target.func if isinstance(target, functools.partial) else target
    return str(getattr(inner, "__name__", type(inner).__name__))


def _made(value: Any) -> Any:
    if not isinstance(value, Filled):
        return value
    try:
        return value.make()
    except Unfit:
        raise
    except Exception as error:
        raise Unfit(f"cannot be built: {value} raises {first_line(error)}", way=OTHERWISE) from error
