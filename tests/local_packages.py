"""Packages that a test makes: wheels in a folder, and a repository that builds itself without any other package."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

BACKEND = """
import zipfile

def build_wheel(folder, settings=None, metadata=None, files=("{name}/__init__.py", "{name}/layers.py")):
    return made(folder, {{file: open("src/" + file).read() for file in files}})

def build_editable(folder, settings=None, metadata=None):
    import os
    return made(folder, {{"{name}.pth": os.path.abspath("src") + "\\n"}})

def made(folder, files):
    name = "{name}-{version}-py3-none-any.whl"
    information = "{name}-{version}.dist-info/"
    files[information + "METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{requires}"
    files[information + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[information + "RECORD"] = "".join(file + ",,\\n" for file in [*files, information + "RECORD"])
    with zipfile.ZipFile(folder + "/" + name, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def wheel(folder: Path, name: str, version: str, command: str = "") -> None:
    """A wheel of one module whose `version` is a text; command: that says it, where there is one."""
    folder.mkdir(exist_ok=True)
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n\ndef said():\n    print({version!r})\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if command:
        files[f"{information}/entry_points.txt"] = f"[console_scripts]\n{command} = {name}:said\n"
    files[f"{information}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{information}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)


def project(*requires: str, name: str = "own", version: str = "1.0") -> dict[str, str]:
    """Files of a repository with a package in src/ that pip can build without any other package."""
    lines = "".join(f"Requires-Dist: {each}\\n" for each in requires)
    return {
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND.format(name=name, version=version, requires=lines),
        f"src/{name}/__init__.py": "",
        f"src/{name}/layers.py": "said = 'first'\n",
    }


def only_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds packages in that folder alone, and reads nothing that this machine has set."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
