"""Where a worker looks for the user's modules, and that none of them hides one of Python's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import PROGRAM
from repositories import write

from rnn_vs_attn.worker import search_path

HERE = Path("/here")


def of(given: str, inherited: str, alone: bool) -> tuple[list[str], list[str]]:
    """What Python itself searches at its start, and the user's folders."""
    found = search_path.variables("/own", given, inherited, alone, HERE)
    assert found["PYTHONSAFEPATH"] == "1"
    return found["PYTHONPATH"].split(os.pathsep), found[search_path.VARIABLE].split(os.pathsep)


def test_the_current_folder_comes_before_pythonpath_as_with_python() -> None:
    assert of("/a:/b", "/a:/b", alone=False) == (["/a", "/b", "/own"], ["/here", "/a", "/b"])


def test_two_environments_are_compared_without_the_current_folder() -> None:
    assert of("/a", "/a", alone=True) == (["/own", "/a"], ["/a"])


def test_a_checkout_is_searched_after_pythons_own_modules_and_what_is_elsewhere_as_it_was() -> None:
    """Its folders stand in the place of the user's; a start-up file may lie in one that is not the repository's."""
    assert of("/checkout:/elsewhere", "/repository:/elsewhere", alone=True) == (
        ["/own", "/elsewhere"],
        ["/checkout", "/elsewhere"],
    )


def test_without_pythonpath_there_is_nothing_empty() -> None:
    assert of("", "", alone=False) == (["/own"], ["/here"])


def test_pythons_own_modules_come_first_then_the_users_then_installed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    monkeypatch.setenv(search_path.VARIABLE, os.pathsep.join(["/users", "/more"]))
    monkeypatch.setattr(sys, "path", ["/more", f"{library}/site-packages", library, f"{library}/lib-dynload", "/own"])
    search_path.users_own()
    dynamic = f"{library}/lib-dynload"
    assert sys.path == [library, dynamic, "/users", "/more", f"{library}/site-packages", "/own"]
    assert search_path.VARIABLE not in os.environ


@pytest.mark.parametrize("stem", ["copy", "dataclasses", "json", "typing"])
def test_a_file_of_the_current_folder_hides_no_module_from_python_m(stem: str, tmp_path: Path) -> None:
    write(tmp_path, {f"{stem}.py": "raise ImportError('a file of the user')\n"})
    surroundings = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    surroundings["PYTHONPATH"] = str(Path(search_path.__file__).parent.parent)
    done = subprocess.run(
        [*PROGRAM, "--help"], cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
