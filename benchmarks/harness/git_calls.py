"""Git as the harness calls it, for repositories that it makes itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

AUTHOR = ("-c", "user.name=n", "-c", "user.email=e")


def git(folder: Path, *words: str, **variables: str) -> str:
    """What git prints. CalledProcessError where it fails, which says why on standard error."""
    surroundings = os.environ | variables
    done = subprocess.run(["git", *words], cwd=folder, env=surroundings, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
