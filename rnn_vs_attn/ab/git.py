"""Git as `ab` runs it: without hooks, without variables that lead it elsewhere, and with an answer or a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnn_vs_attn.errors import UserError

_OF_A_REPOSITORY = (  # set inside git's hooks and by some CIs; they would lead git away from the folder that is meant
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_CONFIG",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_ATTR_SOURCE",
    "GIT_LITERAL_PATHSPECS",
)
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LANGUAGE": "en",  # some of its sentences are read
}
_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",  # a program of the user's, or a daemon that would write into `.git`
    "core.safecrlf=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
# Nothing that is missing is fetched: what is fetched in the user's repository would be written there.
READ_ONLY = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}


def environment() -> dict[str, str]:
    """This process's variables without those that tie git to one repository."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def answer(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> str | None:
    """What git prints, None where it fails."""
    done = run(folder, words, variables)
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def ask(folder: Path, *words: str, variables: Mapping[str, str] | None = None, settings: Sequence[str] = ()) -> str:
    """What git prints. UserError with what it complains of where it fails. settings: `name=value`."""
    done = run(folder, words, variables, settings)
    if done.returncode != 0:
        raise UserError(f"git {words[0]} fails in {folder}: {complaint(done.stderr)}")
    return done.stdout.removesuffix("\n")


def complaint(printed: str) -> str:
    """The errors among the lines that git printed, at most two of them; its last line where none is marked as one."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if line.startswith(("error: ", "fatal: "))]
    return "; ".join(line.partition(": ")[2] for line in errors[:2]) or lines[-1]


def run(
    folder: Path, words: Sequence[str], variables: Mapping[str, str] | None = None, settings: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """A git command in a folder, whatever comes of it."""
    given = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
    return subprocess.run(
        ["git", *given, *words],
        cwd=folder,
        env=environment() | _QUIET | dict(variables or {}),
        capture_output=True,
        encoding=sys.getfilesystemencoding(),  # what it prints are names of files too
        errors="surrogateescape",
        check=False,
    )
