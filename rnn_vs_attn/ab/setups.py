"""`--setup`: the user's command in each checkout, with an environment of its own that sees what is installed here.

torch stays the one that is installed, whatever the repository asks for: what is compared is the repository's code.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import site
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rnn_vs_attn.ab import kept_packages
from rnn_vs_attn.ab.git import environment
from rnn_vs_attn.errors import UserError


@dataclass(frozen=True)
class SetUp:
    """The command, whether packages are kept for later calls, and whether what it prints is shown."""

    command: str
    reuse: bool = False
    debug: bool = False


@dataclass(frozen=True)
class Installed:
    """A Python that imports what was installed; note: why packages were not kept though they should be, or ""."""

    python: str
    note: str = ""


def run(setup: SetUp, worktree: Path, packages: Path, label: str) -> Installed:
    """Run the command in a worktree, with an environment of its own at `packages`.

    The environment sees every package of this one; what the command installs comes first. UserError where it fails.
    """
    inherited = [path for path in (*site.getsitepackages(), site.getusersitepackages()) if Path(path).is_dir()]
    kept = kept_packages.place(setup.command, worktree, inherited) if setup.reuse else None
    known = kept is not None and kept_packages.is_there(kept)
    _make(packages, [str(kept), *inherited] if known else inherited)
    if known and kept is not None:
        kept_packages.write_commands(kept, packages / "bin/python")
    code, printed = _run_alone(setup.command, worktree, _variables(packages), setup.debug)
    if code != 0:
        why = _why(printed)
        raise UserError(
            f"--setup {setup.command!r} ended with exit code {code} in the checkout of {label}{why}; --debug shows all "
            "of it"
        )
    note = kept_packages.keep(_packages_in(packages), kept, worktree) if kept is not None and not known else ""
    return Installed(str(packages / "bin/python"), note)


def _make(packages: Path, inherited: Sequence[str]) -> None:
    """A virtual environment that also sees the packages in other folders, pip among them."""
    venv.create(packages, symlinks=True)
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in inherited)
    (_packages_in(packages) / "~inherited.pth").write_bytes(os.fsencode(lines))  # the last by name
    pip = packages / "bin/pip"
    python = packages / "bin/python"
    pip.write_bytes(os.fsencode(f'#!/bin/sh\nexec "{python}" -P -m pip "$@"\n'))  # a file of the checkout hides nothing
    pip.chmod(0o755)


def _packages_in(environment: Path) -> Path:
    return environment / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def _variables(packages: Path) -> dict[str, str]:
    """Of the command: its environment comes first, and torch is the one that is installed."""
    constraints = packages.parent / "constraints.txt"
    constraints.write_text(f"torch=={version('torch')}\n")
    return environment() | {
        "VIRTUAL_ENV": str(packages),
        "PATH": os.pathsep.join([str(packages / "bin"), os.environ.get("PATH", os.defpath)]),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONSTRAINT": " ".join([*_own_constraints(packages), constraints.as_uri()]),
    }


def _own_constraints(packages: Path) -> list[str]:
    """Those that the user has set for pip, which a variable of ours would hide."""
    own = os.environ.get("PIP_CONSTRAINT")
    if own is not None:
        return own.split()
    command = [str(packages / "bin/python"), "-P", "-m", "pip", "config", "list"]
    asked = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    found = re.findall(r"^(?:global|install)\.constraint='(.*)'$", asked.stdout, re.MULTILINE)
    return [word for value in found for word in value.replace(r"\n", " ").split()]


def _why(printed: str) -> str:
    """What a command that failed says of it: its last line, or what asks for another torch than there is."""
    wants = re.search(r"^\s*(.+ depends on torch\b.*)$", printed, re.MULTILINE)
    if wants and "(constraint) torch==" in printed:
        return (
            f": {wants[1].strip()[:200]}, and both versions are measured with torch {version('torch')}, which is "
            "installed here; install the one that they need beside rnn-vs-attn"
        )
    words = [line.strip() for line in printed.splitlines() if line.strip()]
    return f": {words[-1][:200]}" if words else ""


def _run_alone(command: str, folder: Path, variables: dict[str, str], shown: bool) -> tuple[int, str]:
    """A shell command's exit code and what it printed, errors last. All that it started ends when this is interrupted.

    shown: what it prints goes to standard error at once.
    """
    to = 2 if shown else subprocess.PIPE
    with subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=variables,
        stdout=to,
        stderr=to,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            printed = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, "\n".join(text or "" for text in printed)
