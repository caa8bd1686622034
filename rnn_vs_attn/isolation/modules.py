"""Modules that a model imports from the user's own folders: under their bare names only while it is measured.

Two files may each have a neighbour of the same name, and a neighbour may be called as a module of somebody else is.
What two models would both import from the same file is run once.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_PYTHON = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
PRIVATE = "_file_"  # how names begin that no module of anybody has
_INSTALLED = ("site-packages", "dist-packages")


class Modules(MetaPathFinder):
    """Who imported what. `enter` and `leave` are called around what is done for one model, by its key.

    lent: told the key of another model, which has run what this one imports.
    """

    def __init__(self, lent: Callable[[str], None]) -> None:
        self._lent = lent
        self._shared = dict(sys.modules)  # by name, for every model
        self._of: dict[str, dict[str, ModuleType]] = {}
        self._key: str | None = None

    def enter(self, key: str) -> None:
        """Make importable again what the model imported before."""
        self._key = key
        sys.modules.update(self._of.get(key, {}))

    def leave(self) -> list[str]:
        """Take the model's own modules out of reach; the names that stood for other modules before and do again."""
        key, self._key = self._key, None
        assert key is not None
        new = {name: module for name, module in sys.modules.items() if name not in self._shared}
        own = {name: module for name, module in new.items() if _is_own(name, module)}
        self._of[key] = own
        self._shared |= {name: module for name, module in new.items() if name not in own}
        for name in own:
            del sys.modules[name]
        replaced = [name for name, module in self._shared.items() if sys.modules.get(name) is not module]
        sys.modules.update({name: self._shared[name] for name in replaced})
        return replaced

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of the import system: the module that another model has imported, where this one would find the same file."""
        known = list(self._known(name))
        found = self._found_by_others(name, path) if known else None
        if found is None:
            return None
        for key, module in known:
            if found.origin in _places(module) or list(found.submodule_search_locations or ()) == _places(module):
                again = Again(module, partial(self._lent, key))
                return ModuleSpec(name, again, origin=found.origin, is_package=hasattr(module, "__path__"))
        return None

    def _known(self, name: str) -> Iterator[tuple[str, ModuleType]]:
        for key, modules in self._of.items() if self._key is not None else ():
            if key != self._key and name in modules:
                yield key, modules[name]

    def _found_by_others(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(name, path)
            if found is not None:
                return found
        return None


class Again(Loader):
    """A module that has been run."""

    def __init__(self, module: ModuleType, lend: Callable[[], None]) -> None:
        self._module, self._spec, self._lend = module, module.__spec__, lend

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
        self._lend()


def _is_own(name: str, module: Any) -> bool:
    """Whether a module comes from a folder of the user's: not from Python, an installed package or this one."""
    where = _places(module)
    if not where or name.startswith(PRIVATE) or name.partition(".")[0] == __package__.partition(".")[0]:
        return False
    return not any(
        place.startswith(_PYTHON) or any(part in Path(place).parts for part in _INSTALLED) for place in where
    )


def _places(module: Any) -> list[str]:
    """The file of a module, or the folders of a package that has none."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [file]
    return [str(path) for path in getattr(module, "__path__", None) or ()]
