"""What a target's signature asks for, and what its **kwargs hand on."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import Parameter
from typing import Any

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Signature:
    """Parameters that can be given by name, and whether others are taken unseen (by **kwargs that lead nowhere here).

    known: whether there is a signature at all; what is compiled may have none.
    """

    parameters: Mapping[str, Parameter]
    open: bool = False
    known: bool = True


def required(parameter: Parameter) -> bool:
    """Whether it has no default."""
    return parameter.default is Parameter.empty


def wanted(parameter: Parameter) -> bool:
    """Whether something must be given: by the target, or by a base that its **kwargs reach."""
    return required(parameter) or parameter.default is NEEDED_BY_A_BASE


def signature_of(target: Callable[..., Any]) -> Signature:
    """Of a class: that of its __init__ as it is overloaded, or else with what its **kwargs hand on to its bases."""
    if isinstance(target, functools.partial):
        return _without(signature_of(target.func), target)
    overloaded = _overloaded(target) if isinstance(target, type) else {}
    if overloaded:
        return Signature(overloaded)
    try:
        own = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return Signature({}, open=True, known=False)
    found = _named(own)
    if not _takes_any(own):
        return Signature(found)
    return _with_bases(target, found) if isinstance(target, type) else Signature(found, open=True)


def _without(signature: Signature, given: functools.partial[Any]) -> Signature:
    """What is left to give of a target, some of whose arguments are given."""
    left = list(signature.parameters.items())[len(given.args) :]
    return replace(signature, parameters={name: p for name, p in left if name not in given.keywords})


def _named(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Those that the caller gives: an underscore in front marks what is not for it."""
    return {name: p for name, p in parameters.items() if p.kind in _NAMED and not name.startswith("_")}


def _takes_any(parameters: Mapping[str, Parameter]) -> bool:
    return any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())


def _overloaded(target: type) -> dict[str, Parameter]:
    """Parameters of all overloads that name theirs; required where all of them require it."""
    init = getattr(target, "__init__", None)
    overloads = typing.get_overloads(init) if inspect.isfunction(init) else []
    signatures = [inspect.signature(each).parameters for each in overloads]
    spelled = [_named(each) for each in signatures if not _takes_any(each)]
    found: dict[str, Parameter] = {}
    for each in spelled:
        for name, parameter in each.items():
            if name != "self" and (name not in found or required(found[name])):
                found[name] = parameter
    return found


def _with_bases(target: type, found: dict[str, Parameter]) -> Signature:
    """With parameters of the bases that **kwargs reach, none of them required: a class may give them itself."""
    unreachable, by_place = _unreachable(target), _by_place(target)
    for base in target.__mro__[1:]:
        init = vars(base).get("__init__")
        if not inspect.isfunction(init):
            continue
        parameters = inspect.signature(init).parameters
        unreachable |= set(list(parameters)[1 : 1 + by_place])
        for name, parameter in _named(parameters).items():
            if name != "self" and name not in found and name not in unreachable:
                found[name] = parameter.replace(kind=Parameter.KEYWORD_ONLY, default=_default(parameter))
        unreachable, by_place = unreachable | _unreachable(base), _by_place(base)
        if not _takes_any(parameters):
            return Signature(found)
    return Signature(found, open=True)


class NeededByABase:
    """The default of what a base requires, as the class may give it itself."""

    def __repr__(self) -> str:
        return "required"


NEEDED_BY_A_BASE = NeededByABase()


def _default(parameter: Parameter) -> Any:
    return NEEDED_BY_A_BASE if required(parameter) else parameter.default


def _tree_of_init(target: type) -> ast.AST:
    """What a class's own __init__ is written as, nothing where that is not to be had."""
    init = vars(target).get("__init__")
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(init))) if inspect.isfunction(init) else ast.Module([], [])
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def _by_place(target: type) -> int:
    """How many arguments a class gives its base by place where it hands its **kwargs on."""
    calls = [node for node in ast.walk(_tree_of_init(target)) if isinstance(node, ast.Call)]
    for call in calls:
        handed = any(each.arg is None for each in call.keywords) and ast.unparse(call.func) == "super().__init__"
        if handed and not any(isinstance(each, ast.Starred) for each in call.args):
            return len(call.args)
    return 0


def _unreachable(target: type) -> set[str]:
    """Names that a class itself gives, or refuses, where it hands its **kwargs on."""
    found: set[str] = set()
    for node in ast.walk(_tree_of_init(target)):
        if isinstance(node, ast.Call) and any(each.arg is None for each in node.keywords):
            found |= {each.arg for each in node.keywords if each.arg is not None}
        elif isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            found |= {node.left.value} if _is_text(node.left) else set()  # type: ignore[attr-defined]
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
