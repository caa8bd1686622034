"""Submodules of a checkout: written from the user's own copies of them, at the commits that the version records."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rnn_vs_attn.ab import git, large_files
from rnn_vs_attn.ab.stores import Store, names

KIND = "160000"  # the mode of an entry that is a commit of another repository


@dataclass(frozen=True)
class Submodule:
    """path: in the checkout; name: what its git folder is called, None where `.gitmodules` does not know it."""

    path: str
    commit: str
    name: str | None


@dataclass(frozen=True)
class Place:
    """Where a checkout belongs to.

    start: where the user is in the repository; above: the paths of the submodules that it is in and its own, the
    outermost first.
    """

    start: str = "."
    above: tuple[str, ...] = ()

    def inside(self, path: str) -> Place:
        return Place(self.start, (*self.above, path))

    @property
    def name(self) -> str:
        return "/".join(self.above)

    def typed(self, path: str) -> str:
        """A path in the repository as the user would type it."""
        return shlex.quote(os.path.relpath(path, self.start))


@dataclass
class Lacking:
    """What a checkout lacks: sentences about submodules, and the names of large files."""

    submodules: list[str]
    large_files: list[str]

    def add(self, other: Lacking) -> None:
        self.submodules += other.submodules
        self.large_files += other.large_files

    @property
    def said(self) -> list[str]:
        """All of it in sentences, each once."""
        sentences = [large_files.said(self.large_files)] if self.large_files else []
        return [*dict.fromkeys(self.submodules), *sentences]


def recorded(checkout: Path) -> list[Submodule]:
    """The submodules that the index of a checkout records."""
    entries = [entry.partition("\t") for entry in names(git.ask(checkout, "ls-files", "--stage", "-z"))]
    links = {path: about.split()[1] for about, _, path in entries if about.startswith(KIND)}
    if not links:
        return []
    known = _names(checkout)
    return [Submodule(path, commit, known.get(path)) for path, commit in links.items()]


def _names(checkout: Path) -> dict[str, str]:
    """By path what `.gitmodules` calls a submodule."""
    words = ("config", "--file", ".gitmodules", "--null", "--get-regexp", r"^submodule\..*\.path$")
    lines = [line.partition("\n") for line in names(git.answer(checkout, *words) or "")]
    found = {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in lines}
    return {path: name for path, name in found.items() if ".." not in PurePosixPath(name).parts}


def fill(checkout: Path, store: Store, place: Place, version: str) -> Lacking:
    """Write the large files and all submodules of a checkout, theirs too; what is not here."""
    lacking = fill_large_files(checkout, store, place)
    for submodule in recorded(checkout):
        lacking.add(write(submodule, checkout, store, place, version))
    return lacking


def fill_large_files(checkout: Path, store: Store, place: Place) -> Lacking:
    """Write the large files of a checkout itself; what is not here."""
    return Lacking([], [place.inside(name).name for name in large_files.fill(checkout, store)])


def write(submodule: Submodule, checkout: Path, store: Store, place: Place, version: str) -> Lacking:
    """Write one submodule and what is in it; what is not here."""
    copies, inner = list(_copies(submodule, store)), place.inside(submodule.path)
    for copy in copies:
        if copy.holds(submodule.commit):
            folder = checkout / submodule.path
            copy.lend(folder)
            copy.check_out(submodule.commit, folder)
            return fill(folder, copy, inner, version)
    return Lacking([_said(submodule, copies, inner, version)], [])


def is_there(folder: Path) -> bool:
    """Whether a folder is a repository of its own; git would take one around it for it."""
    root = git.answer(folder, "rev-parse", "--show-toplevel", variables=git.READ_ONLY) if folder.is_dir() else None
    return root is not None and Path(root).resolve() == folder.resolve()


def _copies(submodule: Submodule, store: Store) -> Iterator[Store]:
    """The user's own copies: in the working tree, or in the git folder of what it is a submodule of."""
    if store.tree is not None and is_there(store.tree / submodule.path):
        tree = store.tree / submodule.path
        yield Store(Path(git.ask(tree, "rev-parse", "--absolute-git-dir", variables=git.READ_ONLY)), tree)
    if submodule.name is not None:
        for home in dict.fromkeys((store.folder, store.shared)):
            if (home / "modules" / submodule.name / "HEAD").exists():
                yield Store(home / "modules" / submodule.name, None)


def _said(submodule: Submodule, copies: list[Store], place: Place, version: str) -> str:
    if not copies:
        way = f"{'--recursive ' if len(place.above) > 1 else ''}{place.typed(place.above[0])}"
        return (
            f"submodule {place.name!r} is empty in what is measured, as it is not initialised; "
            f"git submodule update --init {way}"
        )
    copy = copies[0]
    where = f"-C {place.typed(place.name)}" if copy.tree else f"--git-dir={shlex.quote(str(copy.folder))}"
    depth = "--depth=1 " if copy.is_shallow else ""
    return (
        f"submodule {place.name!r} is empty in {version}, as its commit {submodule.commit[:10]} is not here; "
        f"git {where} fetch {depth}origin {submodule.commit}"
    )
