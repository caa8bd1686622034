"""Large files (LFS) of a checkout: pointers to them are filled from what the user's repository holds already."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.ab import git
from rnn_vs_attn.ab.stores import Store, names

_MOST = 1024  # bytes of a pointer, https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = re.compile(
    rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"oid sha256:(?P<sha>[0-9a-f]{64})\nsize (?P<size>[0-9]+)\n?"
)


@dataclass(frozen=True)
class Pointer:
    """A file that stands for a large one: its path in the checkout, and the hash and bytes of what it stands for."""

    name: str
    sha: str
    size: int


def fill(checkout: Path, store: Store) -> list[str]:
    """Write the large files where pointers to them stand; the names of those that are not here."""
    pointers = list(_pointers(checkout))
    folders = _folders(store) if pointers else []
    return [pointer.name for pointer in pointers if not _fill(pointer, checkout, folders, store.tree)]


def _pointers(checkout: Path) -> Iterator[Pointer]:
    for name in names(git.ask(checkout, "ls-files", "-z")):
        path = checkout / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST:
            continue
        found = _POINTER.fullmatch(path.read_bytes())
        if found:
            yield Pointer(name, found["sha"].decode(), int(found["size"]))


def _folders(store: Store) -> list[Path]:
    """Where git-lfs keeps what it has fetched, also for the repositories that this one borrows from."""
    own = store.shared / (store.setting("lfs.storage") or "lfs")
    return [own / "objects", *(Path(objects).parent / "lfs/objects" for objects in store.borrowed)]


def _fill(pointer: Pointer, checkout: Path, folders: list[Path], tree: Path | None) -> bool:
    """Whether its content is here: as git-lfs keeps it, or as the file of that name in the working tree."""
    sha, to = pointer.sha, checkout / pointer.name
    kept = [folder / sha[:2] / sha[2:4] / sha for folder in folders]
    for path in [*kept, *([tree / pointer.name] if tree else [])]:
        if path.is_file() and path.stat().st_size == pointer.size and (path in kept or _hash(path) == sha):
            shutil.copyfile(path, to)  # never a link: what runs in the checkout may write to it
            return True
    return False


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def said(missing: list[str]) -> str:
    """The sentence about large files that are not here, each name once."""
    once = list(dict.fromkeys(missing))
    more = f" and {len(once) - 3} more" if len(once) > 3 else ""
    return (
        f"large files (LFS) that are not here are measured as their pointers: {', '.join(map(repr, once[:3]))}{more}; "
        "git lfs pull gets those of HEAD, git lfs fetch origin COMMIT those of another commit"
    )
