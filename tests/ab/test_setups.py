"""`--setup` installs what a repository needs beside what is installed, of which torch stays as it is."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import local_packages
import pytest
from repositories import write

from rnn_vs_attn.ab import setups
from rnn_vs_attn.ab.setups import SetUp
from rnn_vs_attn.errors import UserError


@pytest.fixture
def worktree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of a package, beside which one wheel lies in the only place where pip finds any."""
    local_packages.wheel(tmp_path / "wheels of ours", "needed", "1.5")
    local_packages.only_from(tmp_path / "wheels of ours", monkeypatch)
    folder = tmp_path / "side" / "repository"
    write(folder, local_packages.project("needed", "torch"))
    return folder


def run(worktree: Path, command: str = "pip install -e .", reuse: bool = False) -> str:
    """The Python of the environment that the command was run in."""
    packages = worktree.parent / "environment"
    installed = setups.run(SetUp(command, reuse), worktree, packages, "HEAD")
    assert installed.note == ""
    return installed.python


def printed(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd="/").stdout.strip()


def test_what_the_repository_needs_is_installed_and_torch_stays(worktree: Path) -> None:
    python = run(worktree)
    assert printed(python, "import needed, own.layers; print(needed.version, own.layers.__file__)") == (
        f"1.5 {worktree / 'src/own/layers.py'}"
    )
    assert printed(python, "from importlib.metadata import version; print(version('torch'))") == version("torch")
    own = printed(python, "import importlib.util as u; print(u.find_spec('torch').origin)")
    assert not Path(own).is_relative_to(worktree.parent)


@pytest.mark.parametrize("wants", ["torch<2", "torch>=99"])
def test_another_torch_than_there_is_is_refused_by_name(worktree: Path, tmp_path: Path, wants: str) -> None:
    local_packages.wheel(tmp_path / "wheels of ours", "torch", "99.0")
    local_packages.wheel(tmp_path / "wheels of ours", "torch", "1.0")
    write(worktree, local_packages.project(wants))
    with pytest.raises(UserError) as raised:
        run(worktree)
    said = f"own 1.0 depends on {wants}, and both versions are measured with torch {version('torch')}"
    assert said in str(raised.value)


def test_constraints_of_the_users_own_hold_too(worktree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_packages.wheel(tmp_path / "wheels of ours", "needed", "1.6")
    (tmp_path / "own.txt").write_text("needed==1.5\n")
    (tmp_path / "pip.conf").write_text(f"[global]\nconstraint = {tmp_path / 'own.txt'}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert printed(run(worktree), "import needed; print(needed.version)") == "1.5"
    monkeypatch.setenv("PIP_CONSTRAINT", "")  # in place of the one in the file
    other = tmp_path / "other side/repository"
    write(other, local_packages.project("needed"))
    assert printed(run(other), "import needed; print(needed.version)") == "1.6"


def test_a_file_of_the_checkout_hides_no_module_of_pips(worktree: Path) -> None:
    write(worktree, {"random.py": "raise ImportError('not this one')\n"})
    assert printed(run(worktree), "import needed; print(needed.version)") == "1.5"
