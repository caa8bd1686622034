"""`ab` by an adapter: a file of the user's that is in neither commit, and takes the layer from each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import run
from repositories import commit, git, layer, module, repository, state, write

from rnn_vs_attn.ab import adapters

SMALL = "--seq-len 8 --d-model 8 --batch-size 1 --threads 1 --pass forward --screen 5 --confirm 5 --margin 90%".split()
MAKE = """
from own.layers import Mixer

def make(d_model):
    return Mixer(d_model)
"""
ALONE = module() + "def make(d_model):\n    return Mixer(d_model)\n"


pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose second commit computes something else; its folder is the current one."""
    made = repository(
        tmp_path / "repository", {"own/layers.py": module(), "own/__init__.py": "", ".gitignore": "*.pyc\n"}
    )
    commit(made, {"own/layers.py": module(layer(output="2 * y"))})
    monkeypatch.chdir(made)
    return made


def ab(model: str, *words: str) -> tuple[dict[str, Any], str]:
    done = run("ab", *words, *SMALL, "--model", model, "--json", *(() if "--output" in words else ("--output", "run")))
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def assert_compared(found: dict[str, Any], model: str, taken: str = "own, own.layers") -> None:
    """The two versions of the layer, of which one gives twice the other's output."""
    (outcome,) = found["outcomes"]
    assert outcome["axes"]["model"] == model
    assert (outcome["where"], outcome["equal"]) == ("output", False)
    assert outcome["max_error"] == pytest.approx(0.5)
    said = f"{model} is in neither commit: the same file for both sides, which takes {taken} from each"
    assert said in "\n".join(found["notes"])


@pytest.mark.parametrize("candidate", [["HEAD"], []], ids=["a commit", "the working tree"])
def test_an_untracked_file_is_the_adapter_of_both_commits(root: Path, candidate: list[str]) -> None:
    write(root, {"bench/layers.py": MAKE})
    before = git(root, "status", "--porcelain")
    found, _ = ab("bench/layers.py:make", "HEAD~1", *candidate)
    assert_compared(found, "bench/layers.py:make")
    write(root, {"run/.gitignore": "*\n"})
    assert git(root, "status", "--porcelain") == before


def test_a_file_outside_of_the_repository_is_one_too(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/bench.py": MAKE})
    before = state(root)
    found, _ = ab("../elsewhere/bench.py:make", "HEAD~1", "HEAD", "--output", str(tmp_path / "run"))
    assert_compared(found, f"{tmp_path / 'elsewhere/bench.py'}:make")
    assert state(root) == before


@pytest.mark.parametrize(
    "typed", ["../elsewhere/bench.py", "./../elsewhere/./bench.py", "own/../../elsewhere/bench.py"]
)
def test_a_file_outside_is_named_by_its_absolute_path(root: Path, tmp_path: Path, typed: str) -> None:
    write(tmp_path, {"elsewhere/bench.py": MAKE})
    place = tmp_path / "elsewhere/bench.py"
    assert adapters.located([f"{typed}:make(size=2)", "own/layers.py:Mixer", "own.layers:Mixer"], root) == [
        f"{place}:make(size=2)",
        "own/layers.py:Mixer",
        "own.layers:Mixer",
    ]


def test_an_adapter_may_import_when_it_is_called(root: Path) -> None:
    write(root, {"bench.py": "def make(d_model):\n    from own.layers import Mixer\n    return Mixer(d_model)\n"})
    found, _ = ab("bench.py:make", "HEAD~1", "HEAD")
    assert_compared(found, "bench.py:make")


def test_an_adapter_that_takes_nothing_from_the_commits_is_refused(root: Path) -> None:
    write(root, {"bench.py": ALONE})
    found, said = ab("own.layers:Mixer,bench.py:make", "HEAD~1", "HEAD")
    assert found == {}
    assert "'bench.py:make' is in neither commit and imports no module of theirs" in said


def test_an_adapter_that_imports_what_is_in_neither_commit_is_refused(root: Path, tmp_path: Path) -> None:
    beside = "import sys\nsys.path.append({!r})\nimport beside\n"
    write(root, {"bench/beside.py": "", "bench/layers.py": beside.format(str(root / "bench")) + MAKE})
    found, said = ab("bench/layers.py:make", "HEAD~1", "HEAD")
    assert found == {}
    assert f"imports {root / 'bench/beside.py'}" in said


def test_a_file_that_one_commit_has_is_its_own(root: Path) -> None:
    commit(root, {"bench.py": MAKE})
    found, _ = ab("bench.py:make", "HEAD~1", "HEAD")
    assert [row["verdict"] for row in found["comparisons"]] == ["new"]
    assert "it is not in the baseline: there is no file bench.py" in found["comparisons"][0]["reason"]
