"""Functions and classes that a module replaces in torch, in Python and in this program."""

from __future__ import annotations

import builtins
import copy
import functools
import itertools
import json
import math
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy

from rnn_vs_attn.isolation.settings import Setting, listed, same

_PYTHON = (builtins, copy, functools, itertools, json, math, os, random, threading, time, numpy)
_PARTS = ("nn", "autograd", "functional", "_tensor", "_VF", "linalg", "fft", "special", "random", "overrides")
_IN_C = ("_C._nn", "_C._linalg", "_C._fft", "_C._special")
# torch.compile replaces these itself when it is first used, which is no module's doing.
_BY_TORCH = frozenset(("torch.manual_seed", "Module.__init__", "Module.__setstate__"))
_ABSENT = object()

Patches = dict[tuple[int, str], Any]  # what stands under a name of a namespace, where that is not what stood there


class Namespaces:
    """Modules and classes, and what stood in each when it was first seen."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._num_modules = 0

    def see(self) -> None:
        """Take in what has been imported since."""
        if len(sys.modules) == self._num_modules:
            return
        self._num_modules = len(sys.modules)
        for place in _places():
            if id(place) not in self._seen:
                self._seen[id(place)] = (place, dict(vars(place)))

    def patches(self) -> Patches:
        """Names that stand for something else now; in a class also new ones that hide another."""
        found: Patches = {}
        for number, (place, before) in self._seen.items():
            now = vars(place)
            if same(now, before):
                continue
            names = now.keys() | before.keys() if _is_looked_up(place) else before.keys()
            for name in names:
                value, first = now.get(name, _ABSENT), before.get(name, _ABSENT)
                if value is not first and self._counts(place, name, value, first):
                    found[number, name] = value
        return found

    def apply(self, wanted: Patches) -> None:
        """Make the names stand for what is wanted, and all others for what stood there first."""
        for number, name in self.patches().keys() | wanted.keys():
            place, before = self._seen[number]
            value = wanted.get((number, name), before.get(name, _ABSENT))
            if value is _ABSENT:
                delattr(place, name)
            else:
                setattr(place, name, value)

    def words(self, before: Patches, after: Patches) -> str:
        changed = [key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)]
        names = [f"{self._seen[number][0].__name__}.{name}" for number, name in changed]
        return f"what stands under {listed(names)}"

    def _counts(self, place: Any, name: str, value: Any, first: Any) -> bool:
        if f"{place.__name__}.{name}" in _BY_TORCH:
            return False
        if first is _ABSENT:
            return callable(value) and _bends(place, name)
        return callable(first) or isinstance(first, property | classmethod | staticmethod)


def _is_looked_up(place: Any) -> bool:
    """Whether a new name hides one that is found elsewhere: in a class above, or in torch's own library."""
    return isinstance(place, type) or place.__name__ == "torch._VF"


def _bends(place: Any, name: str) -> bool:
    """Whether a new name changes what other code finds there: it hides another one, or Python itself asks for it.

    Packages put helpers of their own into torch's classes (transformers: Module.smart_apply), which others of their
    modules then need. Python and torch note things in classes: __annotations_cache__, ___needs_...
    """
    if name.startswith("__"):
        return not name.startswith("___")
    return not isinstance(place, type) or any(name in vars(base) for base in place.__mro__[1:])


def _places() -> Iterator[Any]:
    """Modules whose functions all models share, and the classes that these define."""
    yield from _PYTHON
    for name, module in list(sys.modules.items()):
        top, _, rest = name.partition(".")
        if (
            name == "torch"
            or top == "rnn_vs_attn"
            or (top == "torch" and (rest.split(".")[0] in _PARTS or rest in _IN_C))
        ):
            yield module
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == name:
                    yield value


NAMESPACES = Namespaces()

PATCHES = Setting("patches", NAMESPACES.patches, NAMESPACES.apply, words=NAMESPACES.words)
