"""Which commit a reference names, and what to do where it names none."""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.ab import git
from rnn_vs_attn.errors import UserError

_SPLIT = re.compile(r"(.+?)((?:[~^:]|@\{).*)?", re.DOTALL)  # a name, and what goes on from there
_PART = re.compile(r"[0-9a-f]{4,}")  # of a commit's hash
_WHOLE = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_REASON = "Needed a single revision"


@dataclass(frozen=True)
class Found:
    """name: what was taken; note: what the user must know of it, "" where nothing."""

    name: str
    commit: str
    note: str = ""


def find(root: Path, reference: str) -> Found:
    """The commit that `reference` names, also that of the one remote branch of this name. UserError where none does."""
    commit, printed = _commit(root, reference)
    if commit is not None:
        return Found(reference, commit, _said(root, reference, printed))
    name, rest = _parts(reference)
    names = {name.removeprefix("refs/heads/"), *([name] if name.startswith("refs/pull/") else [])}
    branches = [b for b in _names(root, "refs/remotes") if b.partition("/")[2] in names or f"refs/{b}" in names]
    found = {branch: _commit(root, f"refs/remotes/{branch}{rest}")[0] for branch in branches}
    commits = {commit for commit in found.values() if commit is not None}
    if len(commits) == 1:
        taken = next(f"{branch}{rest}" for branch, commit in found.items() if commit is not None)
        return Found(taken, commits.pop(), f"there is no {reference!r} here; {taken!r} is taken")
    if commits:
        ways = " or ".join(repr(f"{branch}{rest}") for branch in found)
        raise UserError(f"unknown git reference {reference!r} in {root}; name one of the remote branches: {ways}")
    raise _unknown(root, reference, printed)


def _commit(root: Path, reference: str) -> tuple[str | None, str]:
    """The commit, None where there is none; and what git says with it."""
    done = _read(root, "rev-parse", "--verify", "--end-of-options", reference)
    if not _WHOLE.fullmatch(done[0] or ""):
        return None, done[1]
    commit, refused = _read(root, "rev-parse", "--verify", "--end-of-options", f"{done[0]}^{{commit}}")
    return commit, refused if commit is None else done[1]


def _read(root: Path, *words: str) -> tuple[str | None, str]:
    done = git.run(root, words, git.READ_ONLY)
    return (done.stdout.strip() if done.returncode == 0 else None), done.stderr


def _parts(reference: str) -> tuple[str, str]:
    found = _SPLIT.fullmatch(reference)
    return (found[1], found[2] or "") if found else (reference, "")


def _names(root: Path, *kinds: str) -> list[str]:
    """Short names of branches, tags or remote branches; the symbolic ones are left out."""
    form = "%(if)%(symref)%(then)%(else)%(refname)%(end)"
    lines = git.ask(root, "for-each-ref", f"--format={form}", *kinds, variables=git.READ_ONLY).splitlines()
    return [line.split("/", 2)[2] for line in lines if line]


def _said(root: Path, reference: str, printed: str) -> str:
    """Of a name that is a branch and a tag which one was taken, and what else git warns of."""
    name = _parts(reference)[0]
    if name in _names(root, "refs/heads") and name in _names(root, "refs/tags"):
        return f"{name!r} is a tag and a branch; the tag is taken, as git does (the branch is 'heads/{name}')"
    lines = [line.partition("warning: ")[2] for line in printed.splitlines() if line.startswith("warning: ")]
    return f"git says of {reference!r}: {lines[0]}" if lines else ""


# Where there is none


def _unknown(root: Path, reference: str, printed: str) -> UserError:
    given = f"unknown git reference {reference!r} in {root}"
    reasons = [line for line in printed.splitlines() if line[:7] in ("error: ", "fatal: ") and _NO_REASON not in line]
    if reasons:
        given += f" (git: {git.complaint(reasons[0])})"
    unborn = _commit(root, "HEAD")[0] is None
    if unborn and (_parts(reference)[0] in ("HEAD", "@") or not _names(root, "refs")):
        return UserError(f"{given}; what is checked out has no commit yet, git commit makes one")
    return UserError(f"{given}; {_nearest(root, reference)}{'; '.join(_fetching(root, reference))}")


def _nearest(root: Path, reference: str) -> str:
    name, rest = _parts(reference)
    known = _names(root, "refs/heads", "refs/tags", "refs/remotes")
    near = [] if name in known else difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0] + rest!r}? " if near else ""


def _fetching(root: Path, reference: str) -> list[str]:
    """How to get what is not here, and how to see what is."""
    remotes = (git.answer(root, "remote", variables=git.READ_ONLY) or "").splitlines()
    remote = "origin" if "origin" in remotes else next(iter(remotes), "")
    shallow = git.answer(root, "rev-parse", "--is-shallow-repository", variables=git.READ_ONLY) == "true"
    command = _command(root, reference, remote, shallow) if remote else ""
    if shallow:
        fetch = f"{command} gets it" if command else "git fetch --unshallow gets all of it"
        return [f"this clone is shallow: {fetch} (in actions/checkout fetch-depth: 0 gets all)"]
    listing = "git branch --all and git tag list what there is"
    return [f"{command} gets it where {remote} has it", listing] if command else [listing]


def _command(root: Path, reference: str, remote: str, shallow: bool) -> str:
    """What fetches a reference, "" where it is no name of anything at the remote."""
    name, rest = _parts(reference)
    how = "--unshallow " if rest else "--depth=1 "
    fetch = f"git fetch {how if shallow else ''}{shlex.quote(remote)}"
    if _commit(root, name)[0] is not None:
        return fetch if shallow and rest else ""
    if _WHOLE.fullmatch(name):
        return f"{fetch} {name}"
    if _PART.fullmatch(name):
        return f"git fetch --unshallow {shlex.quote(remote)}" if shallow else fetch
    if git.answer(root, "check-ref-format", f"refs/heads/{name}") is None or name.startswith("-") or name == "HEAD":
        return ""
    if name.startswith("refs/"):
        return f"{fetch} {shlex.quote(f'{name}:{name}')}"
    branch = name.removeprefix(f"{remote}/")
    return f"{fetch} {shlex.quote(f'{branch}:refs/remotes/{remote}/{branch}')}"
