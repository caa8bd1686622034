"""Which commit the current folder is at: a run says so, and its place among others follows from it."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime

_COMMIT = ("-c", "log.showSignature=false", "log", "-1", "--format=%H %ct")
_CHANGES = ("status", "--porcelain", "--untracked-files=no")
_UNKNOWN: dict[str, str | None] = {"git_commit": None, "git_commit_time": None}


def facts() -> dict[str, str | None]:
    """The commit, + behind it where files are changed, and when it was made, in UTC; None outside of a repository."""
    try:
        commit, seconds = _git(*_COMMIT).split()
        made = datetime.fromtimestamp(int(seconds), UTC).isoformat(timespec="seconds")
        return {"git_commit": commit + "+" * bool(_git(*_CHANGES)), "git_commit_time": made}
    except (OSError, OverflowError, ValueError, subprocess.CalledProcessError):
        return _UNKNOWN


def _git(*words: str) -> str:
    surroundings = dict(os.environ) | {"GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(
        ["git", *words], capture_output=True, text=True, errors="replace", check=True, env=surroundings
    )
    return done.stdout.strip()
