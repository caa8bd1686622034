"""Two versions of a repository in folders of their own: what stands there, and that the repository stays as it was."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import FILES, SECOND, as_bytes, commit, files_of, git, repository, state, write

from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.errors import UserError

pytestmark = pytest.mark.usefixtures("temporary")


def checked_out(folder: Path, reference: str, to: Path) -> dict[str, bytes]:
    """The files of a commit as `check_out` writes them."""
    found = Repository(folder)
    found.check_out(found.version(reference), to)
    return files_of(to)


def working_tree(folder: Path, to: Path) -> dict[str, bytes]:
    """The files that `check_out_working_tree` writes."""
    version = Repository(folder).check_out_working_tree(to)
    assert version.commit is None
    assert version.label == "the working tree with uncommitted changes"
    return files_of(to)


# What stands there


@pytest.mark.parametrize(("reference", "files"), [("main~1", FILES), ("main", SECOND), ("first", FILES)])
def test_a_commit_is_there_as_it_was_committed(
    reference: str, files: dict[str, str], root: Path, tmp_path: Path
) -> None:
    git(root, "tag", "--annotate", "--message", "a tag", "first", "main~1")
    write(root, {"mixers.py": "not committed\n", "unknown.py": ""})
    assert checked_out(root, reference, tmp_path / "there") == as_bytes(files)


def test_a_version_says_which_commit_it_is(root: Path) -> None:
    version = Repository(root).version("main")
    assert version.commit is not None
    assert version.commit == git(root, "rev-parse", "main")
    assert version.tree == git(root, "rev-parse", "main^{tree}")
    assert version.label == f"main ({version.commit[:10]})"
    assert Repository(root).version(version.commit).label == version.commit[:10]  # which has no other name


def leave_as_it_is(root: Path) -> dict[str, str]:
    return {}


def change(root: Path) -> dict[str, str]:
    write(root, {"mixers.py": "third\n"})
    return {"mixers.py": "third\n"}


def add_files(root: Path) -> dict[str, str]:
    write(root, {"unknown.py": "unknown\n", "more/of/them.py": "more\n"})
    return {"unknown.py": "unknown\n", "more/of/them.py": "more\n"}


def add_ignored_files(root: Path) -> dict[str, str]:
    write(root, {"a.pyc": "", "build/mixers.py": "", "mine.txt": "", ".git/info/exclude": "mine.txt\n"})
    return {}


def delete(root: Path) -> dict[str, str]:
    (root / "package/deep/er.py").unlink()
    return {"package/deep/er.py": ""}


def stage(root: Path) -> dict[str, str]:
    write(root, {"mixers.py": "staged\n", "staged.py": "staged\n"})
    git(root, "add", "--all")
    git(root, "rm", "--quiet", "new.py")
    return {"mixers.py": "staged\n", "staged.py": "staged\n", "new.py": ""}


def stage_and_change_again(root: Path) -> dict[str, str]:
    stage(root)
    write(root, {"mixers.py": "later\n"})
    return {"mixers.py": "later\n", "staged.py": "staged\n", "new.py": ""}


def stage_what_is_ignored(root: Path) -> dict[str, str]:
    write(root, {"build/kernel.py": "kernel\n"})
    git(root, "add", "--force", "build/kernel.py")
    return {"build/kernel.py": "kernel\n"}


def rename(root: Path) -> dict[str, str]:
    git(root, "mv", "new.py", "renamed.py")
    return {"new.py": "", "renamed.py": "new\n"}


def forget(root: Path) -> dict[str, str]:
    """A file that is there and that git is told to forget and ignore."""
    git(root, "rm", "--quiet", "--cached", "new.py")
    write(root, {".gitignore": "*.pyc\nbuild/\nnew.py\n"})
    return {"new.py": "", ".gitignore": "*.pyc\nbuild/\nnew.py\n"}


def intend_to_add(root: Path) -> dict[str, str]:
    write(root, {"unknown.py": "unknown\n"})
    git(root, "add", "--intent-to-add", "unknown.py")
    return {"unknown.py": "unknown\n"}


def be_sparse(root: Path) -> dict[str, str]:
    git(root, "sparse-checkout", "set", "--sparse-index", "nothing")
    assert not (root / "package").exists()
    return change(root)


def split_the_index(root: Path) -> dict[str, str]:
    git(root, "update-index", "--split-index")
    return stage(root)


def change_at_once(root: Path) -> dict[str, str]:
    """A change of the same length within the tick of the clock in which git last looked."""
    write(root, {"mixers.py": "third\n"})
    git(root, "add", "--all")
    write(root, {"mixers.py": "forth\n"})
    os.utime(root / "mixers.py", ns=(0, (root / ".git/index").stat().st_mtime_ns))
    return {"mixers.py": "forth\n"}


def be_in_a_conflict(root: Path) -> dict[str, str]:
    git(root, "checkout", "--quiet", "-b", "other", "main~1")
    commit(root, {"mixers.py": "other\n"})
    git(root, "checkout", "--quiet", "main")
    with pytest.raises(AssertionError):
        git(root, "merge", "other")
    return {"mixers.py": (root / "mixers.py").read_text()}


CHANGES = [
    leave_as_it_is,
    change,
    add_files,
    add_ignored_files,
    delete,
    stage,
    stage_and_change_again,
    stage_what_is_ignored,
    rename,
    forget,
    intend_to_add,
    be_sparse,
    split_the_index,
    change_at_once,
    be_in_a_conflict,
]


@pytest.mark.parametrize("do", CHANGES, ids=lambda do: do.__name__)
def test_the_working_tree_is_there_as_it_is_and_the_repository_does_not_change(
    do: Callable[[Path], dict[str, str]], root: Path, tmp_path: Path
) -> None:
    expected = SECOND | do(root)
    before = state(root)
    assert working_tree(root, tmp_path / "there") == as_bytes({n: t for n, t in expected.items() if t})
    assert checked_out(root, "main~1", tmp_path / "elsewhere") == as_bytes(FILES)
    assert state(root) == before


def test_links_and_programs_stay_what_they_are(root: Path, tmp_path: Path) -> None:
    (root / "program").write_text("#!/bin/sh\n")
    (root / "program").chmod(0o755)
    (root / "link.py").symlink_to("mixers.py")
    working_tree(root, tmp_path / "there")
    assert os.access(tmp_path / "there/program", os.X_OK)
    assert (tmp_path / "there/link.py").readlink() == Path("mixers.py")


def test_hooks_of_the_user_do_not_run(root: Path, tmp_path: Path) -> None:
    hook = root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    hook.chmod(0o755)
    git(root, "config", "core.hooksPath", str(hook.parent))
    checked_out(root, "main", tmp_path / "there")
    assert not (tmp_path / "ran").exists()


# From where


def test_a_repository_is_found_from_a_folder_inside_it(root: Path, tmp_path: Path) -> None:
    write(root, {"mixers.py": "third\n", "unknown.py": "unknown\n"})
    found = Repository(root / "package/deep")
    assert found.root == root
    before = state(root)
    found.check_out_working_tree(tmp_path / "there")
    assert files_of(tmp_path / "there") == as_bytes(SECOND | {"mixers.py": "third\n", "unknown.py": "unknown\n"})
    assert state(root) == before


def test_inside_a_git_hook_its_variables_do_not_lead_astray(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `git commit --all`, which has an index of its own, and in a hook of another repository."""
    other = repository(tmp_path / "other", {"mixers.py": "of another repository\n"})
    write(root, {"mixers.py": "third\n"})
    before, others = state(root), state(other)
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git/objects"),
        "GIT_PREFIX": "package/",
    }.items():
        monkeypatch.setenv(name, value)
    assert Repository(root).is_dirty()
    assert working_tree(root, tmp_path / "there") == as_bytes(SECOND | {"mixers.py": "third\n"})
    assert checked_out(root, "main", tmp_path / "elsewhere") == as_bytes(SECOND)
    assert (state(root), state(other)) == (before, others)


def test_a_shallow_clone_is_enough_for_what_it_holds(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", root.as_uri(), "clone")
    clone = tmp_path / "clone"
    write(clone, {"mixers.py": "third\n"})
    before = state(clone)
    assert checked_out(clone, "HEAD", tmp_path / "there") == as_bytes(SECOND)
    assert working_tree(clone, tmp_path / "elsewhere") == as_bytes(SECOND | {"mixers.py": "third\n"})
    with pytest.raises(UserError, match=r"unknown git reference 'HEAD~1'.*this clone is shallow: git fetch"):
        Repository(clone).version("HEAD~1")
    assert state(clone) == before


def test_a_worktree_of_the_user_is_a_repository_too(root: Path, tmp_path: Path) -> None:
    git(root, "worktree", "add", "--quiet", str(tmp_path / "second"), "main~1")
    write(tmp_path / "second", {"old.py": "older\n"})
    before = state(root), state(tmp_path / "second")
    assert working_tree(tmp_path / "second", tmp_path / "there") == as_bytes(FILES | {"old.py": "older\n"})
    assert checked_out(tmp_path / "second", "main", tmp_path / "elsewhere") == as_bytes(SECOND)
    assert (state(root), state(tmp_path / "second")) == before


def test_objects_that_are_borrowed_already_and_other_hashes_are_read(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--shared", str(root), "clone")
    assert checked_out(tmp_path / "clone", "main~1", tmp_path / "there") == as_bytes(FILES)
    made = repository(tmp_path / "sha256", FILES, kind="sha256")
    assert checked_out(made, "main", tmp_path / "elsewhere") == as_bytes(FILES)
    assert working_tree(made, tmp_path / "third") == as_bytes(FILES)


# What is refused


@pytest.mark.parametrize("reference", ["mian", "main~7", "main:mixers.py", "main^{tree}", "--all", "main..main", " "])
def test_an_unknown_reference_is_named(reference: str, root: Path) -> None:
    with pytest.raises(UserError) as caught:
        Repository(root).version(reference)
    assert str(caught.value).startswith(f"unknown git reference {reference!r} in {root}")
    assert "git branch --all and git tag list what there is" in str(caught.value)


def test_outside_a_repository_the_other_way_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is in no git repository.*--baseline-python"):
        Repository(tmp_path)


def test_a_repository_of_somebody_else_is_not_called_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is not the one who checked out."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(UserError) as caught:
        Repository(root / "package")
    command = str(caught.value).partition("belongs to another user; allow it with ")[2]
    assert shlex.split(command) == ["git", "config", "--global", "--add", "safe.directory", str(root)]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (".git/config", "[core\n", "bad config line 1"),
        (".git", "gitdir: /nowhere\n", "not a git repository: /nowhere"),
        (".git/config", "[core]\n\trepositoryformatversion = 9\n", "Expected git repo version <= 1, found 9"),
    ],
)
def test_a_repository_that_git_cannot_read_is_not_called_none(
    file: str, content: str, said: str, tmp_path: Path
) -> None:
    if file == ".git/config":
        git(tmp_path, "init", "--quiet", ".")
    write(tmp_path, {file: content})
    with pytest.raises(UserError, match=rf"git cannot read the repository around .*: {said}"):
        Repository(tmp_path)


@pytest.mark.parametrize("bare", [True, False])
def test_where_there_is_no_working_tree_it_is_said(bare: bool, root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    with pytest.raises(UserError, match=r"in a git repository without a working tree.*git worktree add FOLDER"):
        Repository(tmp_path / "bare.git" if bare else root / ".git/objects")


def test_outside_of_the_working_tree_that_the_settings_name(root: Path, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    git(root, "config", "core.worktree", str(tmp_path / "tree"))
    with pytest.raises(UserError, match=rf"is outside of {tmp_path}/tree, where .*\(core.worktree\)"):
        Repository(root)


def test_a_repository_without_a_commit_has_no_version(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "empty")
    empty = Repository(tmp_path / "empty")
    for reference in ("HEAD", "main"):
        with pytest.raises(UserError, match=f"unknown git reference '{reference}'"):
            empty.version(reference)
    with pytest.raises(UserError, match="unknown git reference 'HEAD'"):
        empty.check_out_working_tree(tmp_path / "there")


def test_without_git_it_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="git, which is not installed"):
        Repository(root)
