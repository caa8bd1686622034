"""Where the user keeps the objects of a repository, and new repositories that read them without a copy."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.ab import git
from rnn_vs_attn.errors import UserError

_FILES = r"filter\..*|core\.(autocrlf|eol|attributesfile|excludesfile|filemode|symlinks|ignorecase|precomposeunicode)"
_REMOTE = r"remote\..*\.(url|promisor|partialclonefilter)|extensions\.partialclone"
_TRANSPORT = r"http\..*|credential\..*|url\..*|core\.sshcommand|protocol\..*"
_COPIED = ("shallow", "info/exclude", "info/attributes")
_ADDRESS = re.compile(r"/|~|[^/]*:")  # an absolute path, a URL or host:path
_WITHOUT_LARGE_FILES = (  # their pointers are filled from what is here already, whether git-lfs is installed or not
    "filter.lfs.process=",
    "filter.lfs.smudge=",
    "filter.lfs.clean=",
    "filter.lfs.required=false",
)


@dataclass(frozen=True)
class Store:
    """The objects and settings in a git folder of the user's. tree: the working tree that belongs to it, if any."""

    folder: Path
    tree: Path | None

    def ask(self, *words: str) -> str:
        """What git prints about this store."""
        return git.ask(self.folder, *words, variables=self._variables)

    def holds(self, commit: str) -> bool:
        return git.answer(self.folder, "cat-file", "-e", f"{commit}^{{commit}}", variables=self._variables) is not None

    def path(self, name: str) -> Path:
        """Where a file of git's own stands; a linked worktree shares most of them."""
        return (self.folder / self.ask("rev-parse", "--git-path", name)).resolve()

    @property
    def shared(self) -> Path:
        """The git folder that all working trees of this repository share."""
        return (self.folder / self.ask("rev-parse", "--git-common-dir")).resolve()

    @property
    def is_shallow(self) -> bool:
        return self.ask("rev-parse", "--is-shallow-repository") == "true"

    @property
    def borrowed(self) -> list[str]:
        """The folders of objects that this store borrows itself, as git writes paths, the nearest first."""
        lines = self.ask("count-objects", "--verbose").splitlines()
        return [line.partition(": ")[2] for line in lines if line.startswith("alternate: ")]

    def setting(self, name: str) -> str | None:
        return git.answer(self.folder, "config", "--get", name, variables=self._variables)

    def lend(self, folder: Path) -> None:
        """Make an empty repository at `folder` that reads this one's objects."""
        kind = self.ask("rev-parse", "--show-object-format")
        git.ask(folder.parent, "init", "--quiet", "--template=", f"--object-format={kind}", str(folder))
        objects = [*reversed(self.borrowed), _quoted(self.path("objects"))]  # git follows a chain of five and no more
        listed = "".join(f"{line}\n" for line in objects)
        (folder / ".git/objects/info/alternates").write_bytes(os.fsencode(listed))
        (folder / ".git/info").mkdir(exist_ok=True)
        for name in _COPIED:
            if self.path(name).exists():
                shutil.copyfile(self.path(name), folder / ".git" / name)
        self._pass_settings(folder)

    def check_out(self, commit: str, folder: Path) -> None:
        """Write the files of a commit into a folder that this store was lent to. UserError where one is not there."""
        words = ("checkout", "--quiet", "--detach", commit)
        done = git.run(folder, words, settings=_WITHOUT_LARGE_FILES)
        gone = names(git.answer(folder, "ls-files", "-z", "--deleted") or "")  # of which git says nothing by its exit
        if done.returncode == 0 and not gone:
            return
        said = git.complaint(done.stderr)
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        what = f"{gone[0]!r}{more} of commit {commit[:10]}" if gone else f"commit {commit[:10]}"
        damaged = "unable to" in said or "object" in said
        way = "; git fsck lists what is missing, and a fresh clone has it" if damaged else ""
        raise UserError(f"{what} cannot be checked out from {self.shared}: {said}{way}")

    def add_all(self, folder: Path) -> None:
        """Record the working tree, uncommitted changes included, in the index of a folder that this was lent to."""
        index = self.path("index")
        for file in (index, *index.parent.glob("sharedindex.*")):  # what the user has told git to know
            if file.exists():
                shutil.copy2(file, folder / ".git" / file.name)  # its time says which files must be read again
        assert self.tree is not None
        own = {"GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(self.tree)}
        git.ask(self.tree, "add", "--all", variables=own, settings=_WITHOUT_LARGE_FILES)

    def _pass_settings(self, folder: Path) -> None:
        """What decides how files are written, and from where a partial clone gets the objects that it lacks."""
        wanted = f"{_FILES}|{_REMOTE}"
        if self.setting("extensions.partialclone") or self._settings(r"remote\..*\.promisor"):
            wanted += f"|{_TRANSPORT}"
            git.ask(folder, "config", "core.repositoryFormatVersion", "1")
        for name, value in self._settings(wanted):
            if name.endswith(".url") and name.startswith("remote.") and not _ADDRESS.match(value):
                value = str((self.tree or self.folder) / value)
            git.ask(folder, "config", "--add", name, value)

    def _settings(self, pattern: str) -> list[tuple[str, str]]:
        words = ("config", "--null", "--get-regexp", f"^({pattern})$")
        found = names(git.answer(self.folder, *words, variables=self._variables) or "")
        pairs = [line.partition("\n") for line in found]
        return [(name, value if is_set else "true") for name, is_set, value in pairs]

    @property
    def _variables(self) -> dict[str, str]:
        place = str(self.folder)  # also as the working tree: the one of a submodule may be gone
        return {"GIT_DIR": place, "GIT_WORK_TREE": place} | git.READ_ONLY


def names(printed: str) -> list[str]:
    """What git prints with `-z`, apart."""
    return [name for name in printed.split("\0") if name]


def _quoted(path: Path) -> str:
    """A path as git reads it in a list, where a line is one."""
    text = str(path)
    if text.isprintable() and not text.startswith('"'):
        return text
    return '"' + "".join(f"\\{byte:03o}" for byte in os.fsencode(path)) + '"'
