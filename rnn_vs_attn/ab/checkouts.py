"""Two versions of the user's repository side by side, each in a folder of its own; the repository is only read.

A checkout is a fresh repository that borrows the user's objects (git's alternates), so nothing is registered in the
user's `.git`, not even for a moment, and kill -9 leaves nothing there. Uncommitted changes become a commit that exists
in the checkout only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.ab import git, references, submodules
from rnn_vs_attn.ab.stores import Store
from rnn_vs_attn.ab.submodules import Lacking, Place, Submodule
from rnn_vs_attn.errors import UserError

WORKING_TREE = "working tree"


@dataclass(frozen=True)
class Version:
    """A state of the repository. commit: of the working tree, None where it has uncommitted changes."""

    name: str
    commit: str | None
    tree: str

    @property
    def label(self) -> str:
        if self.commit is None:
            return "the working tree with uncommitted changes"
        if self.commit.startswith(self.name):
            return self.commit[:10]
        return f"{self.name} ({self.commit[:10]})"


class Repository:
    """The user's repository, found from a folder inside it. UserError where there is none.

    lacking: what its checkouts lack; notes: what else must be known of the versions that were asked for; place: of a
    submodule, where it is one.
    """

    def __init__(self, folder: Path, place: Place | None = None) -> None:
        if shutil.which("git") is None:
            raise UserError("comparing two versions of a repository needs git, which is not installed")
        done = git.run(folder, ("rev-parse", "--show-toplevel"), git.READ_ONLY)
        if done.returncode != 0:
            raise _no_repository(folder, done.stderr)
        self.root = Path(done.stdout.removesuffix("\n")).resolve()
        if not folder.resolve().is_relative_to(self.root):
            raise UserError(
                f"{folder} is outside of {self.root}, where the settings of its git repository (core.worktree) have "
                "the working tree; run this in there"
            )
        self.store = Store(Path(self._ask("rev-parse", "--absolute-git-dir")), self.root)
        self.place = place or Place(os.path.relpath(folder.resolve(), self.root))
        self.lacking = Lacking([], [])
        self.notes: list[str] = []

    @property
    def name(self) -> str:
        """What its folder is called, where that can stand in a list of paths."""
        return self.root.name.replace(os.pathsep, "-")

    @property
    def said(self) -> list[str]:
        """What a reader must know of the versions and of their checkouts."""
        return [*dict.fromkeys(self.notes), *self.lacking.said]

    def version(self, reference: str) -> Version:
        """The commit that `reference` names. UserError where there is none."""
        found = references.find(self.root, reference)
        self.notes += [found.note] if found.note else []
        tree = self._ask("log", "-1", "--no-show-signature", "--format=%T", found.commit)
        return Version(found.name, found.commit, tree)

    def holds(self, commit: str, path: Path) -> bool:
        """Whether a commit has a file at `path`, seen from the root."""
        return (
            git.answer(self.root, "cat-file", "-e", f"{commit}:{path.as_posix()}", variables=git.READ_ONLY) is not None
        )

    def is_dirty(self) -> bool:
        """Whether there are changes that are not committed, new files and submodules included."""
        return bool(self._ask("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"))

    def check_out(self, version: Version, folder: Path) -> None:
        """Write the files of `version` into the new folder."""
        assert version.commit is not None
        self.store.lend(folder)
        self.store.check_out(version.commit, folder)
        self.lacking.add(submodules.fill(folder, self.store, self.place, version.name))

    def check_out_working_tree(self, folder: Path, written: Sequence[str] = ()) -> Version:
        """Write the working tree, uncommitted changes and new files included and ignored ones not, into the folder.

        written: new files that are left out too, as paths from the root.
        """
        self.store.lend(folder)
        if written:
            self._ignore(folder / ".git/info/exclude", written)
        head = self.version("HEAD").commit
        assert head is not None
        self.store.add_all(folder)
        tree = git.ask(folder, "write-tree")
        author = {f"GIT_{who}_{what}": "rnn-vs-attn" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        commit = git.ask(folder, "commit-tree", tree, "-p", head, "-m", "working tree", variables=author)
        (folder / ".git/index").unlink(missing_ok=True)  # it speaks of the user's files
        self.store.check_out(commit, folder)
        self.lacking.add(submodules.fill_large_files(folder, self.store, self.place))
        for submodule in submodules.recorded(folder):
            self._check_out_inner(submodule, folder)
        return Version(WORKING_TREE, None, git.ask(folder, "write-tree"))

    def _check_out_inner(self, submodule: Submodule, folder: Path) -> None:
        """Write a submodule as it is in the working tree; what is recorded where it is not there."""
        if not submodules.is_there(self.root / submodule.path):
            self.lacking.add(submodules.write(submodule, folder, self.store, self.place, WORKING_TREE))
            return
        inner = Repository(self.root / submodule.path, self.place.inside(submodule.path))
        to = folder / submodule.path
        if inner.is_dirty():
            inner.check_out_working_tree(to)
            changed = git.ask(to, "rev-parse", "HEAD")
            git.ask(folder, "update-index", "--cacheinfo", f"{submodules.KIND},{changed},{submodule.path}")
        else:
            inner.check_out(inner.version("HEAD"), to)
        self.lacking.add(inner.lacking)

    def _ignore(self, file: Path, paths: Sequence[str]) -> None:
        """Have the checkout ignore these paths, whatever is in their names."""
        file.parent.mkdir(exist_ok=True)
        special = str.maketrans({letter: f"\\{letter}" for letter in "\\*?[] "})
        with file.open("ab") as lines:
            lines.write(b"\n" + b"".join(os.fsencode(f"/{path.translate(special)}\n") for path in paths))

    def _ask(self, *words: str) -> str:
        return git.ask(self.root, *words, variables=git.READ_ONLY)


def _no_repository(folder: Path, printed: str) -> UserError:
    """Why there is no working tree around a folder."""
    if "dubious ownership" in printed:
        return UserError(
            f"git refuses the repository around {folder}, which belongs to another user; allow it with git config "
            f"{printed.partition('git config ')[2].strip()}"
        )
    if git.answer(folder, "rev-parse", "--git-dir", variables=git.READ_ONLY) is not None:
        return UserError(
            f"{folder} is in a git repository without a working tree (a bare one, or the inside of .git); run this in "
            "a working tree, which git worktree add FOLDER or git clone makes"
        )
    if "(or any " not in printed:
        return UserError(f"git cannot read the repository around {folder}: {git.complaint(printed)}")
    return UserError(
        f"{folder} is in no git repository; run this inside yours, or compare two environments with "
        "--baseline-python and --candidate-python"
    )
