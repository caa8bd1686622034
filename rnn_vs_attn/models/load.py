"""From a model's name to its class: a module that is imported, or a file that is run once; what is missing, by name.

A file gets a name of its own, so that `copy.py` does not stand for Python's module; what it changes is put back.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.isolation import keeping, seeds
from rnn_vs_attn.isolation.modules import PRIVATE, Again
from rnn_vs_attn.isolation.settings import Change
from rnn_vs_attn.models.spec import ModelSpec

_targets: dict[tuple[str, str], Any] = {}
_changed: dict[str, list[Change]] = {}  # what a module changed when it was first imported, which every case of it says


def load(spec: ModelSpec) -> Callable[..., nn.Module]:
    """The class or function that builds the model. UserError where there is none or it does not import."""
    path, attribute = _parts(spec)
    if (path, attribute) not in _targets:
        _targets[path, attribute] = _found(spec, path, attribute)
    keeping.NOTES.add(_changed.get(path, ()))
    target: Callable[..., nn.Module] = _targets[path, attribute]
    return target


def _found(spec: ModelSpec, path: str, attribute: str) -> Any:
    missing = _missing(spec, path)
    if missing and path.endswith(".py"):
        raise UserError(f"model file {spec.target.rpartition(':')[0]!r} does not exist")
    if missing:
        outer = path.partition(".")[0]
        way = "" if "/" in path or not outer or _is_there(outer) else f"install its package (pip install {outer}?) or "
        raise UserError(f"model {spec.name!r} does not import: {missing}; {way}check the path and PYTHONPATH")
    target = _attribute(spec, _module(spec, path), attribute)
    if not callable(target):
        raise UserError(f"model {spec.name!r}: {_lacking(spec, path, attribute)}")
    return target


def absent(spec: ModelSpec) -> str:
    """Why there is no such model, "" where there is one. UserError where its module is there and does not import."""
    path, attribute = _parts(spec)
    missing = _missing(spec, path)
    if missing:
        return missing
    if callable(_attribute(spec, _module(spec, path), attribute)):
        return ""
    return _lacking(spec, path, attribute)


def source_of(spec: ModelSpec) -> str:
    """What models of one source share: a file, or the outermost package."""
    path = _parts(spec)[0]
    return path if path.endswith(".py") else path.partition(".")[0]


def file_of(spec: ModelSpec) -> str | None:
    """The resolved file of a model's module; None for a module without one."""
    path = _parts(spec)[0]
    file = path if path.endswith(".py") else getattr(sys.modules.get(path), "__file__", None)
    return str(Path(file).resolve()) if file else None


def loaded_from(folder: str | None) -> dict[str, str]:
    """Of loaded modules under `folder` their files, by name; without installed packages and this program itself."""
    if folder is None:
        return {}
    loaded = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    own = {name: Path(f).resolve() for name, f in loaded.items() if f and name.split(".")[0] != "rnn_vs_attn"}
    return {
        name: str(f)
        for name, f in own.items()
        if f.is_relative_to(folder) and not f.is_relative_to(sys.prefix) and "site-packages" not in f.parts
        if f.is_file()  # modules of torch's that have none name one all the same, in the current folder
    }


def _parts(spec: ModelSpec) -> tuple[str, str]:
    """The module or the resolved file, and the name within it; an entry point may name extras behind them."""
    path, _, attribute = (part.strip() for part in spec.target.rpartition(":"))
    if spec.target != spec.name:
        attribute = attribute.partition("[")[0].strip()
    if not path:
        way = "not package.module:Class"
        raise UserError(f"model {spec.name!r} names no class: its entry point is {spec.target!r}, {way}")
    return (str(from_start(path)) if path.endswith(".py") else path), attribute


_started_in = [Path()]


def start_in(folder: Path) -> None:
    """From now on names of files are read from this folder, wherever a module changes to."""
    _started_in.append(folder)


def from_start(path: str) -> Path:
    """A file or folder by the name that it has in the folder that was started in."""
    return (_started_in[-1] / path).resolve()


def _missing(spec: ModelSpec, path: str) -> str:
    """Which file or module there is not, "" where all of the path is there. Imports the packages that the module is in.

    UserError where one of them does not import.
    """
    if path.endswith(".py"):
        return "" if Path(path).is_file() else f"there is no file {spec.target.rpartition(':')[0]}"
    if "/" in path:
        return f"there is no module {path}; a file is named with its ending, {path}.py"
    names = path.split(".")
    if not all(names):
        return f"{path} names no module: there is nothing between its dots"
    for end in range(1, len(names) + 1):
        name = ".".join(names[:end])
        with _explained(spec):
            if not _is_there(name):
                return f"there is no module {name}" + (f", so none {path}" if name != path else "")
            if name != path:
                importlib.import_module(name)
    return ""


def _is_there(name: str) -> bool:
    """Whether an import would find a module, whose package has been imported."""
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # what it is in is no package; a name with an empty part
        return False


def _module(spec: ModelSpec, path: str) -> ModuleType:
    """The module of a model. UserError where it does not import."""
    with _explained(spec):
        return _of_file(Path(path)) if path.endswith(".py") else importlib.import_module(path)


@contextmanager
def _explained(spec: ModelSpec) -> Iterator[None]:
    """Import within: no setting and no random number changes by it, and what it raises is a UserError."""
    changes: list[Change] = []
    try:
        with seeds.undrawn(), keeping.kept(seeds.SEED) as changes:
            yield
    except (Exception, SystemExit) as error:
        raise UserError(f"model {spec.name!r} does not import: {_why(error)}") from error
    finally:
        _changed.setdefault(_parts(spec)[0], []).extend(changes)
        keeping.note_import()


_BETWEEN = (__file__, importlib.__file__)


def _why(error: BaseException) -> str:
    """What is missing or wrong, and where it was asked for."""
    if isinstance(error, SyntaxError):
        return first_line(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    last = next((frame for frame in reversed(frames) if frame.filename not in _BETWEEN), None)
    where = f" ({_short(last.filename)}, line {last.lineno})" if last is not None else ""
    if isinstance(error, ModuleNotFoundError):
        return f"{first_line(error)}{where}; install what is missing or add its folder to PYTHONPATH"
    if isinstance(error, SystemExit):
        return f"it ends the program when it is imported{where}; put what runs it under if __name__ == '__main__'"
    if "no known parent package" in str(error):
        return f"{first_line(error)}{where}; a file alone is in no package, give package.module:Class"
    return f"{first_line(error)}{where}"


def _short(file: str) -> str:
    """A file as it is seen from the folder that was started in."""
    here = _started_in[-1].resolve()
    return str(Path(file).relative_to(here)) if Path(file).is_relative_to(here) else file


def _attribute(spec: ModelSpec, module: ModuleType, name: str) -> Any:
    """What stands under a name in a module, None where nothing does. UserError where looking it up fails."""
    found: Any = module
    for part in name.split("."):
        with _explained(spec):  # a package may import when it is asked
            found = getattr(found, part, None)
    return found


def _lacking(spec: ModelSpec, path: str, attribute: str) -> str:
    module = _module(spec, path)
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    near = difflib.get_close_matches(attribute, names, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near and near[0] != attribute else ""
    return f"{spec.target.rpartition(':')[0]} has no class or function {attribute!r}{hint}"


# Files


def _of_file(file: Path) -> ModuleType:
    """The module that a file is, run the first time that it is asked for."""
    name = _private_name(file)
    known = sys.modules.get(name) or _loaded(file)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec._initializing = True  # type: ignore[attr-defined]  # so that Python names a circular import
    names = [name, *_bare_name(file)]
    sys.modules.update(dict.fromkeys(names, module))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for each in names:
            sys.modules.pop(each, None)
        raise
    finally:
        spec._initializing = False  # type: ignore[attr-defined]
    return sys.modules[name]


def _loaded(file: Path) -> ModuleType | None:
    """The module that a file has become already, by whatever name."""
    for module in list(sys.modules.values()):
        place = getattr(module, "__file__", None)
        if isinstance(place, str) and place.endswith(file.name) and Path(place).resolve() == file:
            return module
    bare = _bare_name(file)
    spec = importlib.util.find_spec(bare[0]) if bare else None
    return importlib.import_module(bare[0]) if spec is not None and isinstance(spec.loader, Again) else None


def _private_name(file: Path) -> str:
    """A name that no other module has."""
    digest = hashlib.sha256(str(file).encode(errors="surrogateescape")).hexdigest()[:12]
    return f"{PRIVATE}{re.sub(r'[^0-9A-Za-z_]', '_', file.stem)}_{digest}"


def _bare_name(file: Path) -> list[str]:
    """The file's own name, for neighbours that import it, where it stands for nothing else."""
    if file.stem in sys.modules or not file.stem.isidentifier():
        return []
    try:
        found = importlib.util.find_spec(file.stem)
    except (ImportError, ValueError):
        return []
    here = found is None or (found.origin is not None and Path(found.origin).resolve() == file)
    return [file.stem] if here else []
