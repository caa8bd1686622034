"""Submodules in checkouts: their files come from the user's own copies, and what is not there is said."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from repositories import clone, commit, files_of, git, repository, state, submodule, write

from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.errors import UserError


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    return repository(tmp_path / "the kernels", {"scan.py": "scan 1\n"})


@pytest.fixture
def outer(tmp_path: Path, kernels: Path) -> Path:
    """A repository of three commits: the first has no submodule, the second has one, the third a later commit of it."""
    made = repository(tmp_path / "outer", {"layers.py": "layers\n"})
    submodule(made, kernels, "libs/kernels")
    newer = commit(kernels, {"scan.py": "scan 2\n"})
    git(made / "libs/kernels", "pull", "--quiet")
    git(made / "libs/kernels", "checkout", "--quiet", newer)
    commit(made, {})
    return made


def checked_out(folder: Path, reference: str, to: Path) -> tuple[dict[str, bytes], list[str]]:
    """The files of a commit, and what is said of it; nothing in the repository changes."""
    before, found = state(folder), Repository(folder)
    found.check_out(found.version(reference), to)
    assert state(folder) == before
    return own_files(to), found.said


def working_tree(folder: Path, to: Path) -> tuple[dict[str, bytes], str, list[str]]:
    before, found = state(folder), Repository(folder)
    assert found.is_dirty()
    version = found.check_out_working_tree(to)
    assert state(folder) == before
    return own_files(to), version.tree, found.said


def own_files(folder: Path) -> dict[str, bytes]:
    """What a user would call its files."""
    return {n: c for n, c in files_of(folder).items() if not {".git", ".gitmodules"} & set(n.split("/"))}


@pytest.mark.parametrize(("reference", "scan"), [("main", b"scan 2\n"), ("main~1", b"scan 1\n"), ("main~2", None)])
@pytest.mark.parametrize("address", ["../the kernels", "https://example.org/gone.git"])
def test_each_version_has_the_commit_that_it_records(
    reference: str, scan: bytes | None, address: str, outer: Path, tmp_path: Path
) -> None:
    """Whatever the address is, as nothing is fetched."""
    git(outer, "config", "submodule.libs/kernels.url", address)
    expected = {"layers.py": b"layers\n"} | ({"libs/kernels/scan.py": scan} if scan else {})
    assert checked_out(outer, reference, tmp_path / "there") == (expected, [])


def test_submodules_of_submodules_and_of_a_linked_worktree(outer: Path, kernels: Path, tmp_path: Path) -> None:
    whole = repository(tmp_path / "whole", {"setup.py": "\n"})
    submodule(whole, outer, "in ner")
    git(whole, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    files = {"setup.py": b"\n", "in ner/layers.py": b"layers\n", "in ner/libs/kernels/scan.py": b"scan 2\n"}
    assert checked_out(whole, "main", tmp_path / "there") == (files, [])
    git(whole, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    assert checked_out(tmp_path / "linked", "main", tmp_path / "elsewhere") == (files, [])
    git(whole, "submodule", "--quiet", "deinit", "--all", "--force")
    assert checked_out(whole, "main", tmp_path / "third") == (files, [])


def test_what_is_not_initialised_is_said_with_the_command_that_does_it(
    outer: Path, kernels: Path, tmp_path: Path
) -> None:
    bare = clone(outer, tmp_path / "clone")
    files, said = checked_out(bare, "main", tmp_path / "there")
    assert files == {"layers.py": b"layers\n"}
    assert said == [
        "submodule 'libs/kernels' is empty in what is measured, as it is not initialised; "
        "git submodule update --init libs/kernels"
    ]
    git(bare, "-c", "protocol.file.allow=always", *said[0].partition("; git ")[2].split())
    assert checked_out(bare, "main", tmp_path / "again")[1] == []


def test_the_command_is_that_for_the_current_folder(outer: Path, tmp_path: Path) -> None:
    submodule(outer, tmp_path / "the kernels", "it's/one")
    bare = clone(outer, tmp_path / "clone")
    (bare / "it's").mkdir(exist_ok=True)
    for folder, paths in {"it's": ["one", "../libs/kernels"], "libs": ["../it's/one", "kernels"]}.items():
        found = Repository(bare / folder)
        found.check_out(found.version("main"), tmp_path / folder)
        commands = [shlex.split(sentence.partition("; ")[2]) for sentence in found.said]
        assert [command[-1] for command in commands] == paths
    for command in commands:
        git(bare / "libs", "-c", "protocol.file.allow=always", *command[1:])
    assert checked_out(bare, "main", tmp_path / "there")[1] == []


def test_a_commit_that_was_not_fetched_is_said_with_the_command_that_does_it(outer: Path, tmp_path: Path) -> None:
    shallow = clone(outer, tmp_path / "clone", "--recurse-submodules", "--shallow-submodules")
    found = Repository(shallow)
    assert checked_out(shallow, "main", tmp_path / "there")[1] == []
    files, said = checked_out(shallow, "main~1", tmp_path / "old")
    recorded = git(shallow, "rev-parse", "main~1:libs/kernels")
    assert files == {"layers.py": b"layers\n"}
    assert said == [
        f"submodule 'libs/kernels' is empty in main~1, as its commit {recorded[:10]} is not here; "
        f"git -C libs/kernels fetch --depth=1 origin {recorded}"
    ]
    git(shallow, *said[0].partition("; git ")[2].split())
    assert checked_out(shallow, "main~1", tmp_path / "again") == (
        {"layers.py": b"layers\n", "libs/kernels/scan.py": b"scan 1\n"},
        [],
    )
    assert not found.is_dirty()


def test_one_in_another_is_initialised_from_the_outermost(outer: Path, tmp_path: Path) -> None:
    whole = repository(tmp_path / "whole", {"setup.py": "\n"})
    submodule(whole, outer, "third/party")
    _, said = checked_out(whole, "main", tmp_path / "there")
    assert said == [
        "submodule 'third/party/libs/kernels' is empty in what is measured, as it is not initialised; "
        "git submodule update --init --recursive third/party"
    ]


def test_uncommitted_changes_of_a_submodule_are_part_of_the_working_tree(outer: Path, tmp_path: Path) -> None:
    """Even where the user has told git status not to look."""
    git(outer, "config", "submodule.libs/kernels.ignore", "all")
    write(outer / "libs/kernels", {"scan.py": "scan 3\n", "new.py": "new\n"})
    files, tree, said = working_tree(outer, tmp_path / "there")
    assert files == {"layers.py": b"layers\n", "libs/kernels/scan.py": b"scan 3\n", "libs/kernels/new.py": b"new\n"}
    assert tree != Repository(outer).version("HEAD").tree
    assert said == []


def test_another_commit_in_a_submodule_is_part_of_the_working_tree(outer: Path, tmp_path: Path) -> None:
    git(outer / "libs/kernels", "checkout", "--quiet", "HEAD~1")
    files, tree, _ = working_tree(outer, tmp_path / "there")
    assert files["libs/kernels/scan.py"] == b"scan 1\n"
    assert tree == Repository(outer).version("HEAD~1").tree


def test_changes_two_submodules_down_are_part_of_the_working_tree(outer: Path, tmp_path: Path) -> None:
    whole = repository(tmp_path / "whole", {"setup.py": "\n"})
    submodule(whole, outer, "inner")
    git(whole, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    write(whole, {"inner/libs/kernels/scan.py": "scan 3\n"})
    assert working_tree(whole, tmp_path / "there")[0]["inner/libs/kernels/scan.py"] == b"scan 3\n"


def test_a_repository_that_lies_in_the_working_tree_is_part_of_it(outer: Path, tmp_path: Path) -> None:
    """Cloned there by hand and no submodule; but nobody could have an empty one."""
    repository(outer / "vendored", {"scan.py": "vendored\n"})
    assert working_tree(outer, tmp_path / "there")[0]["vendored/scan.py"] == b"vendored\n"


def test_changes_beside_a_submodule_that_is_not_initialised(outer: Path, tmp_path: Path) -> None:
    bare = clone(outer, tmp_path / "clone")
    write(bare, {"layers.py": "more\n"})
    files, _, said = working_tree(bare, tmp_path / "there")
    assert files == {"layers.py": b"more\n"}
    assert "git submodule update --init libs/kernels" in said[0]


def test_a_submodule_whose_own_git_folder_is_lost_is_not_taken_for_what_it_is_in(outer: Path, tmp_path: Path) -> None:
    """git looks further up where a `.git` is none."""
    (outer / "libs/kernels/.git").unlink()
    (outer / "libs/kernels/.git").mkdir()
    found = Repository(outer)
    found.check_out(found.version("main"), tmp_path / "there")
    assert (found.said, own_files(tmp_path / "there")["libs/kernels/scan.py"]) == ([], b"scan 2\n")
    with pytest.raises(UserError, match=r"git status fails in .*: 'libs/kernels/.git' not recognized"):
        found.is_dirty()


def test_a_name_that_leads_out_of_the_git_folder_is_not_followed(outer: Path, tmp_path: Path) -> None:
    write(outer, {".gitmodules": '[submodule "../../../elsewhere"]\n\tpath = libs/kernels\n\turl = ./x\n'})
    commit(outer, {})
    bare = clone(outer, tmp_path / "clone")
    git(tmp_path, "clone", "--quiet", "--bare", str(tmp_path / "the kernels"), str(tmp_path / "elsewhere"))
    (bare / ".git/modules").mkdir()
    files, said = checked_out(bare, "main", tmp_path / "there")
    assert files == {"layers.py": b"layers\n"}
    assert "is not initialised" in said[0]
