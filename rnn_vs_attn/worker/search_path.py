"""Where a worker finds the user's modules: behind Python's own, so that a file called as one of them hides nothing."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "RNN_VS_ATTN_PATH"


def variables(own: str, given: str, inherited: str, alone: bool, here: Path) -> dict[str, str]:
    """The variables that tell a worker where to look: `own`, the folder of this package, and the user's folders.

    given: PYTHONPATH for this worker; inherited: that of this process, of which Python itself sees what is in both.
    alone: the folder `here`, in which the worker runs, is not searched, and this package before all others.
    """
    folders = given.split(os.pathsep)
    shared = [folder for folder in inherited.split(os.pathsep) if folder in folders]
    seen = [own, *shared] if alone else [*shared, own]
    users = folders if alone else [str(here), *folders]
    return {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, seen)),
        VARIABLE: os.pathsep.join(filter(None, users)),
    }


def users_own() -> None:
    """In a worker, once torch is imported: Python's own modules, then the user's folders, then all others."""
    users = [str(Path(folder).absolute()) for folder in os.environ.pop(VARIABLE, "").split(os.pathsep) if folder]
    python = [folder for folder in sys.path if _is_pythons(folder)]
    sys.path[:] = dict.fromkeys([*python, *users, *sys.path])


def _is_pythons(folder: str) -> bool:
    library: Sequence[str] = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    inside = any(folder == place or folder.startswith(place + os.sep) for place in library)
    return (inside and "-packages" not in folder) or Path(folder).name == archive
