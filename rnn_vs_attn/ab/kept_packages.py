"""Packages that `--setup` has installed, kept for later calls: what is published, and never a checkout's own code.

A call's own environment stands on top of them and runs the command again, so what has changed since is installed anew,
and the repository's own package always is. They lie in a folder by what was asked for; a folder that is there is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from rnn_vs_attn import __version__

_DEPENDENCIES = re.compile(
    r"pyproject\.toml|setup\.(py|cfg)|.*(requirements|constraints).*\.txt|.*\.lock|Pipfile|environment.*\.ya?ml"
)
_COMMANDS = "console_scripts"
_DAYS = 30  # after which what no call has used is removed


def place(command: str, worktree: Path, inherited: Sequence[str]) -> Path:
    """Where the packages of that command in that checkout are kept, beside those that are inherited."""
    names = [sys.executable, sys.version, __version__, command, *_names(inherited)]
    digest = hashlib.sha256(json.dumps(names).encode(errors="surrogateescape"))
    for file in _files(command, worktree):
        digest.update(os.fsencode(file.relative_to(worktree)) + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return _home() / digest.hexdigest()[:32]


def is_there(kept: Path) -> bool:
    """Whether packages are kept there; then they are used now, and what nobody has used for long is removed."""
    try:
        os.utime(kept)
    except OSError:
        return False
    _remove_old()
    return True


def keep(installed: Path, kept: Path, worktree: Path) -> str:
    """Copy what was installed to where it is kept, but for what comes from a folder; why that could not be, else ""."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix="new-", dir=kept.parent))
    except OSError as error:
        return f"packages of --setup are not kept for later calls: {error.strerror} ({kept.parent})"
    try:
        for file in _published(installed, worktree):
            target = beside / file.relative_to(installed)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
        beside.rename(kept)  # of two calls at once the second finds it there
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        there = kept.is_dir()
        return "" if there else f"packages of --setup are not kept for later calls: {error.strerror} ({kept.parent})"
    return ""


def write_commands(kept: Path, python: Path) -> None:
    """Put the commands that kept packages bring beside a Python that finds them."""
    for distribution in distributions(path=[str(kept)]):
        for point in distribution.entry_points.select(group=_COMMANDS):
            found = f"EntryPoint({point.name!r}, {point.value!r}, {_COMMANDS!r})"
            module = python.parent / f".{point.name}.py"
            module.write_text(f"import sys\nfrom importlib.metadata import EntryPoint\nsys.exit({found}.load()())\n")
            command = python.parent / point.name
            command.write_bytes(os.fsencode(f'#!/bin/sh\nexec "{python}" "{module}" "$@"\n'))
            command.chmod(0o755)


def _published(installed: Path, worktree: Path) -> Iterator[Path]:
    """Files of distributions that came from an index, by their own records.

    Those with modules of a name that the checkout has too are its own, in whatever way they were installed.
    """
    theirs = {_stem(name) for _, below, files in os.walk(worktree) for name in (*below, *files)}
    for distribution in distributions(path=[str(installed)]):
        files = [Path(os.path.normpath(installed / name)) for name in distribution.files or ()]
        inside = [file for file in files if file.is_relative_to(installed)]
        tops = {file.relative_to(installed).parts[0] for file in inside}
        own = {_stem(name) for name in tops if not name.endswith((".dist-info", "__pycache__"))} & theirs
        if not own and not _is_local(distribution) and _is_whole(distribution, files, installed):
            yield from (file for file in inside if file.is_file() and not file.is_symlink())


def _is_whole(distribution: Distribution, files: Sequence[Path], installed: Path) -> bool:
    """Whether a distribution has nothing beside its modules but commands that can be written again."""
    again = {point.name for point in distribution.entry_points.select(group=_COMMANDS)}
    return bool(files) and {file.name for file in files if not file.is_relative_to(installed)} <= again


def _stem(name: str) -> str:
    """A module's name, whatever kind of file or folder it is."""
    return name.partition(".")[0]


def _is_local(distribution: Distribution) -> bool:
    """Whether it was installed from a folder or a file, which pip and uv note."""
    origin = distribution.read_text("direct_url.json")
    return origin is not None and json.loads(origin).get("url", "").startswith("file:")


def _names(folders: Sequence[str]) -> list[str]:
    """What is installed in folders, with versions."""
    return sorted(f"{found.metadata['Name']} {found.version}" for found in distributions(path=list(folders)))


def _files(command: str, worktree: Path) -> list[Path]:
    """Files that say what a repository needs, and those that the command names."""
    named = {(worktree / word.strip("'\"")).resolve() for word in re.split(r"[\s;&|=<>]+", command) if word}
    found = {path for path in named if path.is_file() and path.is_relative_to(worktree)}
    for folder, below, files in os.walk(worktree):
        below[:] = [name for name in below if name != ".git"]
        found |= {Path(folder) / name for name in files if _DEPENDENCIES.fullmatch(name)}
    return sorted(path for path in found if path.is_file())


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache") / "rnn-vs-attn/packages"


def _remove_old() -> None:
    oldest = time.time() - _DAYS * 24 * 3600
    for folder in _home().iterdir():
        with contextlib.suppress(FileNotFoundError):  # another call has moved or removed it meanwhile
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
