"""An environment of its own for other people's packages, with the torch of the interpreter that runs this."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_SECONDS = 900.0  # that one installation may take


@dataclass(frozen=True)
class Environment:
    """folder: of a virtual environment."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Environment:
        """The environment in this folder, made where there is none; packages of this interpreter are seen in it."""
        made = cls(folder)
        if not made.python.exists():
            venv.EnvBuilder(with_pip=True).create(folder)
        (made.packages / "shared.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
        return made

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    def install(self, package: str, *how: str) -> str:
        """Install it from PyPI where it is not there yet; why that failed, "" where it did not. how: words for pip."""
        if any(_plain(found.name) == _plain(package) for found in distributions(path=[str(self.packages)])):
            return ""
        command = [self.python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        try:
            done = subprocess.run([*command, *how, package], capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return f"pip took more than {_SECONDS:.0f} s"
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return "" if done.returncode == 0 else (errors or [f"pip exits with {done.returncode}"])[0]


def _plain(name: str) -> str:
    """A package's name as the index compares it (PEP 503)."""
    return name.lower().replace("_", "-").replace(".", "-")
