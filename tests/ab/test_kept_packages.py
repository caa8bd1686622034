"""`--reuse-setup`: published packages are installed once, a repository's own at every call."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import local_packages
import pytest
from repositories import write

from rnn_vs_attn.ab import kept_packages, setups
from rnn_vs_attn.ab.setups import SetUp

IMPORT = "import needed, own.layers; print(needed.version, needed.__file__, own.layers.said, own.layers.__file__)"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds packages; the cache is this test's own."""
    folder = tmp_path / "wheels"
    local_packages.wheel(folder, "needed", "1.5")
    local_packages.only_from(folder, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def checkout(folder: Path, said: str = "first", requires: str = "needed") -> Path:
    write(folder, local_packages.project(requires) | {"src/own/layers.py": f"said = {said!r}\n"})
    return folder


def run(worktree: Path, command: str) -> list[str]:
    """What the environment imports: needed's version and file, the layer's text and file."""
    installed = setups.run(SetUp(command, reuse=True), worktree, worktree.parent / "environment", "HEAD")
    assert installed.note == ""
    done = subprocess.run([installed.python, "-c", IMPORT], capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.split()


def kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache/rnn-vs-attn/packages").iterdir())


@pytest.mark.parametrize("command", ["pip install -e .", "pip install ."])
def test_published_packages_are_installed_once_and_the_repositorys_own_at_every_call(
    wheels: Path, tmp_path: Path, command: str
) -> None:
    first = run(checkout(tmp_path / "one/repository"), command)
    (folder,) = kept(tmp_path)
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == [
        "needed-1.5.dist-info",
        "needed.py",
    ]
    (wheels / "needed-1.5-py3-none-any.whl").unlink()  # it cannot be installed again
    second = run(checkout(tmp_path / "two/repository", "second"), command)
    assert (first[0], first[2]) == ("1.5", "first")
    assert second[:3] == ["1.5", str(folder / "needed.py"), "second"]
    assert Path(second[3]).is_relative_to(tmp_path / "two")
    assert kept(tmp_path) == [folder]


def test_a_command_that_a_kept_package_brings_is_there_again(wheels: Path, tmp_path: Path) -> None:
    local_packages.wheel(wheels, "needed", "1.5", "say-it")
    command = "pip install . && say-it > said"
    for name in ("one", "a second"):
        worktree = checkout(tmp_path / name / "repository")
        assert run(worktree, command)[0] == "1.5"
        assert (worktree / "said").read_text() == "1.5\n"
    (folder,) = kept(tmp_path)
    assert (folder / "needed.py").is_file()


def test_code_of_a_checkout_is_never_kept_whatever_way_it_was_installed(wheels: Path, tmp_path: Path) -> None:
    """A wheel that is installed by its name is noted as published."""
    command = f"rm -f {wheels}/own-*; pip wheel -q -w {wheels} . && pip install own"
    for name in ("one", "two"):
        found = run(checkout(tmp_path / name / "repository", said=name), command)
        assert (found[0], found[2]) == ("1.5", name)
        assert Path(found[3]).is_relative_to(tmp_path / name)
    (folder,) = kept(tmp_path)
    assert not (folder / "own").exists()
    assert (folder / "needed.py").is_file()


def test_what_another_call_removes_meanwhile_is_no_fault(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(checkout(tmp_path / "one/repository"), "pip install .")
    (folder,) = kept(tmp_path)
    (folder.parent / "new-gone").mkdir()
    plain = Path.is_symlink

    def removed(path: Path) -> bool:
        if path.name == "new-gone":
            path.rmdir()
        return plain(path)

    monkeypatch.setattr(Path, "is_symlink", removed)
    assert kept_packages.is_there(folder)


def test_another_requirement_has_packages_of_its_own(wheels: Path, tmp_path: Path) -> None:
    assert run(checkout(tmp_path / "one/repository"), "pip install .")[0] == "1.5"
    local_packages.wheel(wheels, "needed", "1.6")
    newer = checkout(tmp_path / "two/repository", requires="needed>=1.6")
    (newer / "requirements-dev.txt").write_text("needed\n")
    assert run(newer, "pip install .")[0] == "1.6"
    assert len(kept(tmp_path)) == 2


def test_what_a_kept_package_is_too_old_for_is_installed_above_it(wheels: Path, tmp_path: Path) -> None:
    assert run(checkout(tmp_path / "one/repository"), "pip install .")[0] == "1.5"
    local_packages.wheel(wheels, "needed", "1.6")
    newer = checkout(tmp_path / "two/repository", requires="needed>=1.6")  # said in no file that is looked at
    assert run(newer, "pip install .")[0] == "1.6"
    assert len(kept(tmp_path)) == 1


def test_a_cache_that_cannot_be_written_is_said(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    worktree = checkout(tmp_path / "one/repository")
    installed = setups.run(SetUp("pip install .", reuse=True), worktree, worktree.parent / "environment", "HEAD")
    assert installed.note == (
        f"packages of --setup are not kept for later calls: Not a directory ({tmp_path / 'file/rnn-vs-attn/packages'})"
    )


def test_what_nobody_used_for_a_month_is_removed(wheels: Path, tmp_path: Path) -> None:
    run(checkout(tmp_path / "one/repository"), "pip install .")
    (used,) = kept(tmp_path)
    old, young = used.parent / "old", used.parent / "young"
    for folder, days in ((old, 31), (young, 29), (used, 31)):
        folder.mkdir(exist_ok=True)
        long_ago = time.time() - days * 24 * 3600
        os.utime(folder, (long_ago, long_ago))
    assert kept_packages.is_there(used)
    assert sorted(kept(tmp_path)) == sorted([used, young])


def test_where_packages_are_kept_follows_from_what_was_asked_for(tmp_path: Path) -> None:
    worktree = checkout(tmp_path / "repository")
    write(worktree, {"install.sh": "pip install .\n", "notes.md": "one\n"})
    before = kept_packages.place("sh install.sh", worktree, [])
    write(worktree, {"notes.md": "two\n", "src/own/layers.py": "said = 'other'\n"})
    assert kept_packages.place("sh install.sh", worktree, []) == before
    assert kept_packages.place("pip install .", worktree, []) != before
    for name in ("install.sh", "pyproject.toml", "tools/requirements/dev-requirements.txt", "uv.lock"):
        write(worktree, {name: "# changed\n"})
        changed = kept_packages.place("sh install.sh", worktree, [])
        assert changed != before
        before = changed
