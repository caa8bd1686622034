"""The class of a configuration object, or of another layer, that a layer is built from."""

from __future__ import annotations

import inspect
import itertools
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter
from types import ModuleType
from typing import Any

_NAMES = ("config", "cfg", "conf", "configuration", "args", "params", "hparams", "model_args")
_ENDINGS = ("config", "configuration", "cfg", "conf", "args", "arguments", "params", "hparams")


class Several(Exception):
    """More than one class fits; `kinds` are they."""

    def __init__(self, kinds: list[type]) -> None:
        super().__init__(", ".join(kind.__name__ for kind in kinds))
        self.kinds = kinds


def config_of(target: Callable[..., Any], parameter: Parameter) -> type | None:
    """The class of the object that a parameter takes, by its annotation or by the target's own name; None where it
    takes none, or there is no such class beside the target. Several where more than one fits equally.
    """
    annotated = [kind for kind in _classes(_annotation(parameter, _modules(target))) if is_config(kind)]
    if len(annotated) == 1:
        return annotated[0]
    if parameter.name.lower() not in _NAMES:
        return None
    for module in _modules(target):
        kinds = list(dict.fromkeys(v for v in list(vars(module).values()) if isinstance(v, type) and is_config(v)))
        found = _nearest(kinds, target.__name__)
        if found is not None:
            return found
    return None


def layer_of(target: Callable[..., Any], parameter: Parameter) -> type | None:
    """The class of the layer that a parameter takes, where its annotation is one: not any module, nor a list."""
    annotation = _annotation(parameter, filter(None, [sys.modules.get(target.__module__)]))
    return annotation if isinstance(annotation, type) and _is_layer(annotation) else None


def _is_layer(kind: type) -> bool:
    bases = [(base.__module__, base.__name__) for base in kind.__mro__[1:]]
    return ("torch.nn.modules.module", "Module") in bases and kind.__module__ != "torch.nn.modules.container"


def is_config(kind: Any) -> bool:
    """Whether it is a class of configuration objects, by its name."""
    if not isinstance(kind, type):
        return False
    return kind.__name__.lower().endswith(_ENDINGS) and kind.__module__ not in ("builtins", "typing")


def _annotation(parameter: Parameter, modules: Iterable[ModuleType]) -> Any:
    """What stands behind the colon, looked up in the first of the modules that knows it."""
    found = parameter.annotation
    if not isinstance(found, str):
        return found
    for module in modules:
        try:
            return eval(found, vars(module))  # an annotation of the module itself, as typing.get_type_hints reads it
        except Exception:
            continue
    return None


def _classes(annotation: Any) -> Iterator[type]:
    """A class, or those of a union."""
    if isinstance(annotation, type):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _classes(part)


def _modules(target: Callable[..., Any]) -> Iterator[ModuleType]:
    """The target's own module, its bases' modules and the packages around it."""
    own = [kind.__module__ for kind in inspect.getmro(target)] if isinstance(target, type) else [target.__module__]
    own = [name for name in own if name.partition(".")[0] not in ("builtins", "torch")]
    around = [name.rsplit(".", count)[0] for name in own[:1] for count in range(1, name.count(".") + 1)]
    for name in dict.fromkeys([*own, *around]):
        if name in sys.modules:
            yield sys.modules[name]


def _nearest(kinds: list[type], name: str) -> type | None:
    """The class whose name begins most like the target's; the only one where none does. Several where two do."""
    if not kinds:
        return None
    shared = {kind: _shared(kind.__name__.lower(), name.lower()) for kind in kinds}
    most = max(shared.values())
    best = [kind for kind in kinds if shared[kind] == most]
    exact = [kind for kind in best if kind.__name__.lower() in [name.lower() + ending for ending in _ENDINGS]]
    if len(exact) == 1 or len(best) == 1:
        return (exact or best)[0]
    raise Several(best)


def _shared(one: str, other: str) -> int:
    """How many letters two names begin with alike."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
