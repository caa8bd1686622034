"""Two versions of the user's repository side by side, each in a folder of its own; the repository is only read.

A checkout is a fresh repository that borrows the user's objects (git's alternates), so nothing is registered in the
user's `.git`, not even for a moment, and kill -9 leaves nothing there. Uncommitted changes become a commit that exists
in the checkout only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.errors import UserError

_OF_A_REPOSITORY = (  # set inside git's hooks; they would lead git away from the folder that is meant
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
)
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
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
    """The user's repository, found from a folder inside it. UserError where there is none."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise UserError("comparing two versions of a repository needs git, which is not installed")
        done = _run(folder, ("rev-parse", "--show-toplevel"), None)
        if "dubious ownership" in done.stderr:
            raise UserError(
                f"git refuses the repository around {folder}, which belongs to another user; allow it with "
                "git config --global --add safe.directory FOLDER"
            )
        if done.returncode != 0:
            raise UserError(
                f"{folder} is in no git repository; run this inside yours, or compare two environments with "
                "--baseline-python and --candidate-python"
            )
        self.root = Path(done.stdout.strip()).resolve()

    def version(self, reference: str) -> Version:
        """The commit that `reference` names. UserError where there is none."""
        commit = _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        if commit is None:
            shallow = _git(self.root, "rev-parse", "--is-shallow-repository") == "true"
            way = (
                "this clone is shallow: fetch all of it (fetch-depth: 0 in actions/checkout)"
                if shallow
                else "git branch --all and git tag list what there is"
            )
            raise UserError(f"unknown git reference {reference!r} in {self.root}; {way}")
        return Version(reference, commit, _ask(self.root, "rev-parse", f"{commit}^{{tree}}"))

    def holds(self, commit: str, path: Path) -> bool:
        """Whether a commit has a file at `path`, seen from the root."""
        return _git(self.root, "cat-file", "-e", f"{commit}:{path.as_posix()}") is not None

    def is_dirty(self) -> bool:
        """Whether there are changes that are not committed, files that git does not know yet included."""
        return bool(_ask(self.root, "status", "--porcelain", "--untracked-files=normal"))

    def check_out(self, version: Version, folder: Path) -> None:
        """Write the files of `version` into the new folder."""
        assert version.commit is not None
        self._borrow(folder)
        _ask(folder, "checkout", "--quiet", "--detach", version.commit)

    def check_out_working_tree(self, folder: Path, written: Sequence[str] = ()) -> Version:
        """Write the working tree, uncommitted changes and new files included and ignored ones not, into the folder.

        written: new files that are left out too, as paths from the root.
        """
        self._borrow(folder)
        if written:
            self._ignore(folder / ".git/info/exclude", written)
        head = self.version("HEAD").commit
        assert head is not None
        own = {"GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(self.root)}
        self._copy_index(folder / ".git")
        _ask(self.root, "add", "--all", variables=own)
        tree = _ask(self.root, "write-tree", variables=own)
        author = {f"GIT_{who}_{what}": "rnn-vs-attn" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        commit = _ask(folder, "commit-tree", tree, "-p", head, "-m", "working tree", variables=author)
        (folder / ".git/index").unlink(missing_ok=True)  # it speaks of the user's files
        _ask(folder, "checkout", "--quiet", "--force", "--detach", commit)
        return Version(WORKING_TREE, None, tree)

    def _borrow(self, folder: Path) -> None:
        """An empty repository at `folder` that reads this one's objects."""
        kind = _git(self.root, "rev-parse", "--show-object-format") or "sha1"
        _ask(self.root, "init", "--quiet", f"--object-format={kind}", str(folder))
        (folder / ".git/objects/info/alternates").write_bytes(os.fsencode(self._own("objects")) + b"\n")
        for name in ("shallow", "info/exclude"):
            if self._own(name).exists():
                (folder / ".git" / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(self._own(name), folder / ".git" / name)

    def _ignore(self, file: Path, paths: Sequence[str]) -> None:
        """Have the checkout ignore these paths, whatever is in their names."""
        file.parent.mkdir(exist_ok=True)
        special = str.maketrans({letter: f"\\{letter}" for letter in "\\*?[] "})
        with file.open("ab") as lines:
            lines.write(b"\n" + b"".join(os.fsencode(f"/{path.translate(special)}\n") for path in paths))

    def _copy_index(self, to: Path) -> None:
        """What the user has told git to know: a file may be staged although it is ignored, or not be here at all.

        With its time of change, by which git decides which files it must read again.
        """
        index = self._own("index")
        for file in (index, *index.parent.glob("sharedindex.*")):
            if file.exists():
                shutil.copy2(file, to / file.name)

    def _own(self, name: str) -> Path:
        return (self.root / _ask(self.root, "rev-parse", "--git-path", name)).resolve()


def environment() -> dict[str, str]:
    """This process's variables without those that tie git to one repository."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def _git(folder: Path, *words: str, variables: dict[str, str] | None = None) -> str | None:
    """What git prints, None where it fails."""
    done = _run(folder, words, variables)
    return done.stdout.strip() if done.returncode == 0 else None


def _ask(folder: Path, *words: str, variables: dict[str, str] | None = None) -> str:
    """What git prints. UserError with its last line where it fails."""
    done = _run(folder, words, variables)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise UserError(f"git {words[0]} fails in {folder}: {lines[-1]}")
    return done.stdout.strip()


def _run(folder: Path, words: tuple[str, ...], variables: dict[str, str] | None) -> subprocess.CompletedProcess[str]:
    plain = ["git", "-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false", "-c", "gc.auto=0"]
    return subprocess.run(
        [*plain, *words],
        cwd=folder,
        env=environment() | _QUIET | (variables or {}),
        capture_output=True,
        encoding=sys.getfilesystemencoding(),  # what it prints are names of files too
        errors="surrogateescape",
        check=False,
    )
