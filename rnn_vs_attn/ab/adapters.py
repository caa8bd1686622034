"""Adapters: files of the user's that take a layer from each of two versions, and are in neither of them.

So commits that exist can be compared without touching them. The file is the same for both sides; what it must import
from each checkout is the layer.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.registry import find

_NAMED = 3  # modules, of those that one takes


def located(models: Sequence[str], root: Path) -> list[str]:
    """The models, those of files outside of the repository by their absolute paths: each side runs in a checkout."""
    return [_located(name, root) for name in models]


def found(models: Sequence[str], repository: Repository, commits: Sequence[str]) -> dict[str, Path]:
    """The files of the user's, by model, that none of the commits has."""
    files = {name: file.absolute() for name in models if (file := _file(name)) is not None}
    return {name: file for name, file in files.items() if file.is_file() and not _tracked(file, repository, commits)}


def put(files: Mapping[str, Path], folder: Path) -> None:
    """Copy adapters that are named relatively to where a side that runs in `folder` looks for them."""
    for name, file in files.items():
        path = _file(name)
        assert path is not None
        target = folder / path
        if not path.is_absolute() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def taken(modules: Mapping[str, str], file: str) -> list[str]:
    """Names of the modules that an adapter takes from a checkout, but for itself."""
    return sorted(name for name, origin in modules.items() if origin != file)


def said(model: str, modules: Sequence[str]) -> str:
    """What a reader must know of it."""
    more = f" and {len(modules) - _NAMED} more" if len(modules) > _NAMED else ""
    names = ", ".join(modules[:_NAMED]) + more
    return f"{model} is in neither commit: the same file for both sides, which takes {names} from each"


def refused(model: str) -> UserError:
    """Of an adapter that takes nothing from a checkout."""
    return UserError(
        f"{model!r} is in neither commit and imports no module of theirs, so both sides would run the same code; "
        "import the layer from the repository's package there, with --setup 'pip install -e .' where an installed copy "
        "hides it, or commit the file"
    )


def _located(name: str, root: Path) -> str:
    path = _file(name)
    if path is None or path.is_absolute() or _place(path).is_relative_to(root):
        return name
    return str(_place(path)) + name.removeprefix(_typed(name))


def _file(name: str) -> Path | None:
    """The file that a model is named by, as it was typed."""
    path = _typed(name).strip()
    return Path(path) if path.endswith(".py") else None


def _typed(name: str) -> str:
    return find(name).target.rpartition(":")[0]


def _place(file: Path) -> Path:
    """Where a file lies; a link to a file is where the link is."""
    return file.parent.resolve() / file.name


def _tracked(file: Path, repository: Repository, commits: Sequence[str]) -> bool:
    """Whether a commit has that file."""
    place = _place(file)
    inside = place.is_relative_to(repository.root)
    return inside and any(repository.holds(commit, place.relative_to(repository.root)) for commit in commits)
