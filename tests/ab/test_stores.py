"""Repositories of every kind that users have: the files of a commit and of the working tree stand in the checkout."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import FILES, SECOND, as_bytes, clone, commit, delete_object, files_of, git, repository, state, write

from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.errors import UserError


def both(folder: Path, to: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files of the commit before HEAD, and of the working tree with a change; the repository does not change."""
    write(folder, {"mixers.py": "third\n"})
    before, found = state(folder), Repository(folder)
    found.check_out(found.version("HEAD~1"), to / "old")
    assert found.is_dirty()
    found.check_out_working_tree(to / "new")
    assert found.said == []
    assert state(folder) == before
    return files_of(to / "old"), files_of(to / "new")


THIRD = SECOND | {"mixers.py": "third\n"}


def in_a_strange_folder(root: Path, to: Path) -> Path:
    return Path(shutil.move(root, to / ' "a:b"\t\\\nä '))


def borrowed_six_times(root: Path, to: Path) -> Path:
    """As deep as git goes."""
    for n in range(6):
        git(to, "clone", "--quiet", "--shared", str(root), f"clone {n}")
        root = to / f"clone {n}"
    return root


def borrowed_by_a_relative_path(root: Path, to: Path) -> Path:
    git(to, "clone", "--quiet", "--shared", str(root), "clone")
    relative = os.path.relpath(root / ".git/objects", to / "clone/.git/objects")
    (to / "clone/.git/objects/info/alternates").write_text(f"{relative}\n")
    return to / "clone"


def cloned_with_a_reference(root: Path, to: Path) -> Path:
    return clone(root, to / "clone", "--reference", str(root))


def shallow_by_two(root: Path, to: Path) -> Path:
    git(root, "commit", "--quiet", "--allow-empty", "--message", "empty")
    git(root, "reset", "--quiet", "--soft", "HEAD~1")
    return clone(root, to / "clone", "--depth=2")


def packed(root: Path, to: Path) -> Path:
    git(root, "gc", "--quiet")
    git(root, "pack-refs", "--all")
    return root


def sparse_by_cone(root: Path, to: Path) -> Path:
    git(root, "sparse-checkout", "set", "--cone", "nothing")
    assert not (root / "package").exists()
    return root


def sparse_by_patterns(root: Path, to: Path) -> Path:
    git(root, "sparse-checkout", "set", "--no-cone", "/mixers.py")
    assert not (root / "new.py").exists()
    return root


def of_a_git_folder_elsewhere(root: Path, to: Path) -> Path:
    git(root, "init", "--quiet", "--separate-git-dir", str(to / "elsewhere.git"))
    assert (root / ".git").is_file()
    return root


def of_a_working_tree_elsewhere(root: Path, to: Path) -> Path:
    shutil.move(root / ".git", to / "its.git")
    (root / ".git").write_text(f"gitdir: {to}/its.git\n")
    git(root, "config", "core.worktree", str(root))
    return root


def linked_twice(root: Path, to: Path) -> Path:
    git(root, "config", "extensions.worktreeConfig", "true")
    git(root, "worktree", "add", "--quiet", "--detach", str(to / "one"))
    git(to / "one", "worktree", "add", "--quiet", str(to / "two"))
    return to / "two"


def of_a_bare_repository(root: Path, to: Path) -> Path:
    git(to, "clone", "--quiet", "--bare", str(root), "bare.git")
    git(to / "bare.git", "worktree", "add", "--quiet", str(to / "tree"), "main")
    return to / "tree"


KINDS = [
    in_a_strange_folder,
    borrowed_six_times,
    borrowed_by_a_relative_path,
    cloned_with_a_reference,
    shallow_by_two,
    packed,
    sparse_by_cone,
    sparse_by_patterns,
    of_a_git_folder_elsewhere,
    of_a_working_tree_elsewhere,
    linked_twice,
    of_a_bare_repository,
]


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_all_files_are_there(make: Callable[[Path, Path], Path], root: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "checkouts").mkdir()
    folder = make(root, tmp_path / "made")
    assert both(folder, tmp_path / "checkouts") == (as_bytes(FILES), as_bytes(THIRD))


# Objects that are not here


@pytest.fixture
def server(root: Path) -> Path:
    git(root, "config", "uploadpack.allowFilter", "true")
    git(root, "config", "uploadpack.allowAnySHA1InWant", "true")
    return root


@pytest.mark.parametrize("kind", ["blob:none", "tree:0", "blob:limit=1"])
def test_a_partial_clone_fetches_into_the_checkout(kind: str, server: Path, tmp_path: Path) -> None:
    assert both(clone(server, tmp_path / "clone", f"--filter={kind}"), tmp_path) == (as_bytes(FILES), as_bytes(THIRD))


def test_a_partial_clone_by_a_relative_address_does_too(server: Path, tmp_path: Path) -> None:
    made = clone(server, tmp_path / "clone", "--filter=blob:none")
    git(made, "config", "remote.origin.url", os.path.relpath(server, made))
    (tmp_path / "deeper").mkdir()
    assert both(made, tmp_path / "deeper") == (as_bytes(FILES), as_bytes(THIRD))


def test_a_partial_clone_without_its_server_says_what_is_missing(server: Path, tmp_path: Path) -> None:
    made = clone(server, tmp_path / "clone", "--filter=blob:none")
    server.rename(tmp_path / "gone")
    found = Repository(made)
    with pytest.raises(
        UserError, match=r"^commit \w{10} cannot be checked out from .*'.*' does not appear to be a git repository"
    ):
        found.check_out(found.version("HEAD~1"), tmp_path / "old")


@pytest.mark.parametrize("name", ["main:package/deep/er.py", "main:package"])
def test_a_file_whose_object_is_missing_is_named(name: str, root: Path, tmp_path: Path) -> None:
    """git checkout leaves such a file out and returns success."""
    delete_object(root, name)
    found = Repository(root)
    with pytest.raises(UserError) as caught:
        found.check_out(found.version("main"), tmp_path / "there")
    sha = git(root, "rev-parse", "main")[:10]
    begin = f"'package/deep/er.py' of commit {sha}" if name.endswith(".py") else f"commit {sha}"
    assert str(caught.value).startswith(f"{begin} cannot be checked out from {root}/.git: unable to read ")
    assert str(caught.value).endswith("; git fsck lists what is missing, and a fresh clone has it")


def test_an_object_of_other_content_is_as_good_as_none(root: Path, tmp_path: Path) -> None:
    sha = git(root, "rev-parse", "main:new.py")
    delete_object(root, "main:new.py")
    (root / ".git/objects" / sha[:2] / sha[2:]).write_text("garbage")
    found = Repository(root)
    with pytest.raises(UserError, match=r"cannot be checked out from .*; git fsck lists what is missing"):
        found.check_out(found.version("main"), tmp_path / "there")


def test_how_many_files_are_missing_is_said(root: Path, tmp_path: Path) -> None:
    for name in ("main:mixers.py", "main:new.py", "main:package/deep/er.py"):
        delete_object(root, name)
    found = Repository(root)
    with pytest.raises(UserError, match=r"^'mixers.py' and 2 more of commit "):
        found.check_out(found.version("main"), tmp_path / "there")


# Settings and attributes


def test_attributes_are_those_of_the_user_s_clone(root: Path, tmp_path: Path) -> None:
    lines = [
        "windows.txt eol=crlf",
        "wide.txt working-tree-encoding=UTF-16LE",
        "known.txt ident",
        "secret.txt filter=shout",
        "*.dat filter=unknown",
        "left.txt export-ignore",
    ]
    names = ["windows.txt", "wide.txt", "known.txt", "secret.txt", "a.dat", "left.txt"]
    write(root, {".gitattributes": "\n".join(lines) + "\n"})
    git(root, "config", "filter.shout.smudge", "tr a-z A-Z")
    git(root, "config", "filter.shout.clean", "tr A-Z a-z")
    for name in names:
        (root / name).write_bytes("$Id$\n".encode("utf-16-le" if name == "wide.txt" else "ascii"))
    commit(root, {})
    for name in names:  # as git itself writes them
        (root / name).unlink()
    git(root, "checkout", "--quiet", "--", *names)
    assert (root / "secret.txt").read_text() == "$ID$\n"
    expected = {name: (root / name).read_bytes() for name in names}
    assert expected["windows.txt"].endswith(b"\r\n")
    found = Repository(root)
    found.check_out(found.version("main"), tmp_path / "commit")
    found.check_out_working_tree(tmp_path / "tree")
    for checkout in ("commit", "tree"):
        assert {name: (tmp_path / checkout / name).read_bytes() for name in names} == expected


@pytest.mark.parametrize("where", ["attributes", "settings"])
def test_attributes_and_settings_of_this_clone_alone_hold_too(where: str, root: Path, tmp_path: Path) -> None:
    if where == "attributes":
        write(root, {".git/info/attributes": "mixers.py eol=crlf\n"})
    else:
        git(root, "config", "core.autocrlf", "true")
    found = Repository(root)
    found.check_out(found.version("main"), tmp_path / "there")
    assert files_of(tmp_path / "there")["mixers.py"] == b"second\r\n"


def test_the_log_of_a_shallow_clone_ends_where_it_does(root: Path, tmp_path: Path) -> None:
    """Tools that make a version number of it look there."""
    made = clone(root, tmp_path / "clone", "--depth=1")
    found = Repository(made)
    found.check_out(found.version("main"), tmp_path / "there")
    assert git(tmp_path / "there", "rev-list", "HEAD") == git(root, "rev-parse", "main")


def test_a_filter_that_cannot_run_and_must_is_an_error(root: Path, tmp_path: Path) -> None:
    commit(root, {".gitattributes": "new.py filter=locked\n"})
    git(root, "config", "filter.locked.smudge", "no-such-program")
    git(root, "config", "filter.locked.required", "true")
    found = Repository(root)
    with pytest.raises(UserError, match=r"cannot be checked out from .*: cannot run no-such-program"):
        found.check_out(found.version("main"), tmp_path / "there")


def test_where_modes_and_links_are_not_kept_no_file_is_changed_by_that(root: Path, tmp_path: Path) -> None:
    """As on a mounted file system: every file seems to be a program there."""
    git(root, "config", "core.fileMode", "false")
    for file in root.glob("*.py"):
        file.chmod(0o755)
    found = Repository(root)
    assert not found.is_dirty()
    assert found.check_out_working_tree(tmp_path / "there").tree == found.version("HEAD").tree


def test_a_template_of_the_user_is_not_used(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "template", {"config": "[core]\n\tsparseCheckout = true\n", "info/sparse-checkout": "/none\n"})
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    found = Repository(root)
    found.check_out(found.version("main"), tmp_path / "there")
    assert files_of(tmp_path / "there") == as_bytes(SECOND)


def test_sparse_settings_of_all_repositories_leave_no_file_out(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings").write_text("[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    found = Repository(root)
    found.check_out(found.version("main"), tmp_path / "there")
    assert files_of(tmp_path / "there") == as_bytes(SECOND)


def test_names_of_all_letters(tmp_path: Path) -> None:
    names = {"a b.py": "1", "ä/ö.py": "2", "new\nline.py": "3", '"quoted".py': "4", "-dash.py": "5", "tab\t.py": "6"}
    made = repository(tmp_path / "made", names)
    (made / os.fsdecode(b"\xff.py")).write_text("7")
    commit(made, {})
    found = Repository(made)
    found.check_out(found.version("main"), tmp_path / "there")
    assert files_of(tmp_path / "there") == as_bytes(names | {os.fsdecode(b"\xff.py"): "7"})
