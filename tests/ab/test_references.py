"""Names of commits: which one is taken, and what to do where there is none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from repositories import clone, commit, git, repository, state

from rnn_vs_attn.ab.references import find
from rnn_vs_attn.errors import UserError


def refusal(folder: Path, reference: str) -> str:
    """What is said of a reference that names nothing, behind where that is; the repository does not change."""
    before = state(folder)
    with pytest.raises(UserError) as caught:
        find(folder, reference)
    assert state(folder) == before
    begin = f"unknown git reference {reference!r} in {folder}"
    assert str(caught.value).startswith(begin)
    return str(caught.value).removeprefix(begin).removeprefix("; ")


@pytest.fixture
def merged(root: Path) -> Path:
    """`main` is the merge of a branch of one commit, as CI makes it of a pull request."""
    git(root, "checkout", "--quiet", "-b", "work", "main~1")
    commit(root, {"work.py": "work\n"})
    git(root, "checkout", "--quiet", "main")
    git(root, "merge", "--quiet", "--no-ff", "--message", "merged into main", "work")
    git(root, "update-ref", "refs/pull/1/merge", "HEAD")
    git(root, "tag", "--annotate", "--message", "a tag of a tag", "v1", "HEAD^2")
    git(root, "tag", "--annotate", "--message", "another", "v1-again", "v1")
    git(root, "branch", "--quiet", "--set-upstream-to=work")
    return root


# What is found


@pytest.mark.parametrize(
    ("reference", "same_as"),
    [
        ("refs/pull/1/merge", "main"),
        ("HEAD", "main"),
        ("@", "main"),
        ("HEAD^", "HEAD^1"),
        ("HEAD^2", "work"),
        ("v1", "work"),
        ("v1-again", "work"),
        ("v1^{}", "work"),
        ("@{u}", "work"),
        ("main@{1}", "HEAD^1"),
        ("HEAD^{/^merged}", "main"),
        (":/merged into", "main"),
        (":/nothing like it", None),
    ],
)
def test_all_that_git_reads_as_a_commit_is_one(reference: str, same_as: str | None, merged: Path) -> None:
    if same_as is None:
        assert "did you mean" not in refusal(merged, reference)
    else:
        found = find(merged, reference)
        assert (found.commit, found.name, found.note) == (git(merged, "rev-parse", f"{same_as}^0"), reference, "")


def test_the_beginning_of_a_hash_is_a_name(root: Path) -> None:
    sha = git(root, "rev-parse", "main~1")
    assert find(root, sha[:7]).commit == find(root, sha).commit == sha


def test_a_head_that_is_on_no_branch(root: Path) -> None:
    git(root, "checkout", "--quiet", "--detach", "main~1")
    assert find(root, "HEAD").commit == git(root, "rev-parse", "main~1")


def test_of_a_tag_and_a_branch_of_one_name_the_tag_is_taken_as_git_does_and_that_is_said(root: Path) -> None:
    git(root, "branch", "twice", "main")
    git(root, "tag", "twice", "main~1")
    found = find(root, "twice~0")
    assert found.commit == git(root, "rev-parse", "main~1")
    assert found.note == "'twice' is a tag and a branch; the tag is taken, as git does (the branch is 'heads/twice')"
    assert find(root, "heads/twice").commit == git(root, "rev-parse", "main")


def test_a_time_before_the_log_begins_is_said(root: Path) -> None:
    found = find(root, "main@{ten years ago}")
    assert found.commit == git(root, "rev-parse", "main~1")
    assert found.note.startswith("git says of 'main@{ten years ago}': log for 'main' only goes back to ")


def test_a_branch_that_only_the_remote_has_is_taken_and_that_is_said(root: Path, tmp_path: Path) -> None:
    """As in CI, which checks out one commit and has `main` as `origin/main`."""
    git(root, "branch", "feature/new", "main")
    bare = clone(root, tmp_path / "clone")
    git(bare, "checkout", "--quiet", "--detach", "main")
    git(bare, "branch", "--quiet", "--delete", "--force", "main")
    for reference, commit_of in {"main": "main", "main~1": "main~1", "feature/new^": "main~1"}.items():
        found = find(bare, reference)
        assert found.commit == git(root, "rev-parse", commit_of)
        assert found.name == f"origin/{reference}"
        assert found.note == f"there is no {reference!r} here; 'origin/{reference}' is taken"
    git(bare, "remote", "add", "other", str(root))
    git(bare, "update-ref", "refs/remotes/other/main", "origin/main")
    assert find(bare, "main").name == "origin/main"
    git(bare, "update-ref", "refs/remotes/other/main", "origin/main~1")
    assert refusal(bare, "main") == "name one of the remote branches: 'origin/main' or 'other/main'"


@pytest.mark.parametrize(
    ("given", "there"), [("refs/pull/1/merge", "pull/1/merge"), ("refs/heads/main", "origin/main")]
)
def test_a_reference_as_github_names_it_is_found_where_its_checkout_puts_it(
    given: str, there: str, root: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "clone")
    git(tmp_path / "clone", "fetch", "--quiet", root.as_uri(), f"main:refs/remotes/{there}")
    found = find(tmp_path / "clone", f"{given}^1")
    assert (found.name, found.commit) == (f"{there}^1", git(root, "rev-parse", "main~1"))


# What is not


def test_what_is_near_is_named(root: Path) -> None:
    git(root, "tag", "v1.2.0")
    assert refusal(root, "mian~1").startswith("did you mean 'main~1'? git branch --all and git tag list")
    assert refusal(root, "v1.2").startswith("did you mean 'v1.2.0'? ")
    git(root, "branch", "maint")
    assert refusal(root, "main~7") == "git branch --all and git tag list what there is"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("main@{7}", " (git: log for 'main' only has 2 entries); git branch"),
        ("main@{u}", " (git: no upstream configured for branch 'main'); git branch"),
        ("^main", "did you mean 'main'? git branch"),
        ("-x", "git branch"),
        ("a\nb", "git branch"),
    ],
)
def test_the_reason_that_git_has_is_passed_on(reference: str, said: str, root: Path) -> None:
    assert refusal(root, reference).removeprefix("; ").startswith(said)


@pytest.mark.parametrize(("reference", "kind"), [("main:mixers.py", "blob"), ("main^{tree}", "tree")])
def test_what_is_no_commit_is_called_so(reference: str, kind: str, root: Path) -> None:
    assert f"the object dereferences to {kind} type); git branch --all" in refusal(root, reference)


def test_without_a_commit_there_is_nothing_to_compare(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "empty")
    for reference in ("HEAD", "main", "@~1"):
        said = refusal(tmp_path / "empty", reference)
        assert said.endswith("what is checked out has no commit yet, git commit makes one")


def test_a_branch_that_was_only_begun_has_no_commit(root: Path) -> None:
    git(root, "checkout", "--quiet", "--orphan", "begun")
    assert "what is checked out has no commit yet" in refusal(root, "HEAD")
    assert "git branch --all" in refusal(root, "nothing")
    assert find(root, "main").commit == git(root, "rev-parse", "main")


# What can be fetched: the command that is named is run


@pytest.fixture
def server(root: Path) -> Path:
    """A repository that has more than a clone of its newest commit."""
    git(root, "branch", "rele'ase/1.0", "main~1")
    git(root, "tag", "v1", "main~1")
    git(root, "update-ref", "refs/pull/1/merge", "main~1")
    git(root, "config", "uploadpack.allowAnySHA1InWant", "true")
    return root


REFERENCES = ["rele'ase/1.0", "origin/rele'ase/1.0", "v1", "refs/pull/1/merge", "main~1", "SHA", "SHORT"]


@pytest.mark.parametrize("words", [("--depth=1",), ("--single-branch", "--branch=main", "--no-tags")])
@pytest.mark.parametrize("reference", REFERENCES)
def test_the_command_that_is_named_gets_the_commit(
    reference: str, words: tuple[str, ...], server: Path, tmp_path: Path
) -> None:
    wanted = git(server, "rev-parse", "main~1")
    reference = {"SHA": wanted, "SHORT": wanted[:8]}.get(reference, reference)
    made = clone(server, tmp_path / "clone", *words)
    if words[0] != "--depth=1" and (reference in wanted or reference[0] == "m"):
        assert find(made, reference).commit == wanted
        return
    said = refusal(made, reference)
    shallow = words[0] == "--depth=1"
    assert said.startswith("this clone is shallow: git fetch " if shallow else "git fetch origin ")
    assert ("fetch-depth: 0" in said) == shallow
    command = said.removeprefix("this clone is shallow: ").partition(" gets it")[0]
    git(made, *shlex.split(command)[1:])
    assert find(made, reference).commit == wanted


def test_a_name_that_no_remote_can_have_is_not_fetched(server: Path, tmp_path: Path) -> None:
    made = clone(server, tmp_path / "clone", "--depth=1")
    assert refusal(made, "a b") == (
        "this clone is shallow: git fetch --unshallow gets all of it (in actions/checkout fetch-depth: 0 gets all)"
    )
    assert "git fetch --unshallow origin gets it" in refusal(made, "HEAD~1")


def test_a_commit_that_a_partial_clone_has_not_is_not_fetched_by_asking(server: Path, tmp_path: Path) -> None:
    """Git would fetch it at once, into the user's repository."""
    git(server, "config", "uploadpack.allowFilter", "true")
    made = clone(server, tmp_path / "clone", "--filter=blob:none", "--single-branch")
    later = commit(server, {"later.py": "later\n"})
    assert f"git fetch origin {later} gets it where origin has it" in refusal(made, later)


def test_it_is_the_remote_that_there_is(server: Path, tmp_path: Path) -> None:
    made = clone(server, tmp_path / "clone", "--single-branch", "--branch=main", "--origin=up's")
    command = refusal(made, "other").partition(" gets it")[0]
    assert shlex.split(command) == ["git", "fetch", "up's", "other:refs/remotes/up's/other"]


def test_a_repository_without_a_remote_names_no_fetch(tmp_path: Path) -> None:
    made = repository(tmp_path / "alone", {"a.py": ""})
    assert refusal(made, "0" * 40) == "git branch --all and git tag list what there is"
