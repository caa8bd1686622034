"""Pointers to large files (LFS) in checkouts, as git-lfs writes them; git-lfs itself is not needed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from repositories import clone, commit, git, repository, state, submodule, write

from rnn_vs_attn.ab import large_files
from rnn_vs_attn.ab.checkouts import Repository

WEIGHTS = b"weights\0" * 1000
SHA = hashlib.sha256(WEIGHTS).hexdigest()


def pointer(content: bytes) -> str:
    """https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""
    sha = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {len(content)}\n"


def keep(content: bytes, folder: Path) -> None:
    """Put a large file where git-lfs keeps it."""
    sha = hashlib.sha256(content).hexdigest()
    path = folder / "objects" / sha[:2] / sha[2:4] / sha
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path / "root", {"w.bin": pointer(WEIGHTS), "layers.py": "", "notes.md": "git-lfs\n"})


def checked_out(root: Path, to: Path, reference: str = "main") -> tuple[bytes, list[str]]:
    """What stands at w.bin, and what is said; the repository does not change."""
    before, found = state(root), Repository(root)
    found.check_out(found.version(reference), to)
    assert state(root) == before
    return (to / "w.bin").read_bytes(), found.said


def test_a_pointer_is_filled_from_what_was_fetched(root: Path, tmp_path: Path) -> None:
    (root / "w.bin").chmod(0o755)
    commit(root, {})
    keep(WEIGHTS, root / ".git/lfs")
    assert checked_out(root, tmp_path / "there") == (WEIGHTS, [])
    assert os.access(tmp_path / "there/w.bin", os.X_OK)
    assert (tmp_path / "there/w.bin").stat().st_nlink == 1


def test_a_linked_worktree_a_clone_that_borrows_and_a_folder_of_ones_own(root: Path, tmp_path: Path) -> None:
    keep(WEIGHTS, root / ".git/lfs")
    git(root, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    git(tmp_path, "clone", "--quiet", "--shared", str(root), "shared")
    assert checked_out(tmp_path / "linked", tmp_path / "1") == (WEIGHTS, [])
    assert checked_out(tmp_path / "shared", tmp_path / "2") == (WEIGHTS, [])
    own = clone(root, tmp_path / "own")
    keep(WEIGHTS, tmp_path / "kept")
    git(own, "config", "lfs.storage", str(tmp_path / "kept"))
    assert checked_out(own, tmp_path / "3") == (WEIGHTS, [])


def test_what_is_not_here_is_said_once_of_both_versions(root: Path, tmp_path: Path) -> None:
    commit(root, {f"{n}.bin": pointer(bytes([n])) for n in range(4)})
    found = Repository(root)
    for name in ("main", "main~1"):
        found.check_out(found.version(name), tmp_path / name)
    assert found.said == [
        "large files (LFS) that are not here are measured as their pointers: '0.bin', '1.bin', '2.bin' and 2 more; "
        "git lfs pull gets those of HEAD, git lfs fetch origin COMMIT those of another commit"
    ]


def test_half_a_file_is_none(root: Path, tmp_path: Path) -> None:
    keep(WEIGHTS, root / ".git/lfs")
    kept = root / ".git/lfs/objects" / SHA[:2] / SHA[2:4] / SHA
    kept.write_bytes(WEIGHTS[:100])
    content, said = checked_out(root, tmp_path / "there")
    assert (content.decode(), len(said)) == (pointer(WEIGHTS), 1)


@pytest.mark.parametrize("installed", [False, True])
def test_the_working_tree_has_what_stands_there(installed: bool, root: Path, tmp_path: Path) -> None:
    """Without git-lfs, and with its settings and no program, which git would refuse to go on without."""
    if installed:
        write(root, {".gitattributes": "*.bin filter=lfs\n"})
        commit(root, {})
        for name, value in {"process": "gone", "clean": "gone", "smudge": "gone", "required": "true"}.items():
            git(root, "config", f"filter.lfs.{name}", value)
    index = git(root, "ls-files", "--stage", "w.bin")
    (root / "w.bin").write_bytes(WEIGHTS)
    write(root, {"layers.py": "changed\n"})
    before, found = state(root) if not installed else None, Repository(root)
    found.check_out_working_tree(tmp_path / "there")
    assert (tmp_path / "there/w.bin").read_bytes() == WEIGHTS
    assert found.said == []
    assert git(root, "ls-files", "--stage", "w.bin") == index
    assert before is None or state(root) == before
    assert checked_out_of_commit(root, tmp_path / "commit") == WEIGHTS


def checked_out_of_commit(root: Path, to: Path) -> bytes:
    """As the file of the working tree is the very one that the pointer means."""
    found = Repository(root)
    found.check_out(found.version("main"), to)
    assert found.said == []
    return (to / "w.bin").read_bytes()


def test_another_file_of_the_same_length_is_not_taken_for_it(root: Path, tmp_path: Path) -> None:
    (root / "w.bin").write_bytes(WEIGHTS[::-1])
    assert checked_out(root, tmp_path / "there")[0].decode() == pointer(WEIGHTS)


def test_links_and_files_that_only_speak_of_pointers_stay_as_they_are(root: Path, tmp_path: Path) -> None:
    keep(WEIGHTS, root / ".git/lfs")
    text = "# this is how one looks:\n" + pointer(WEIGHTS)
    (root / "link.bin").symlink_to("w.bin")
    commit(root, {"text.md": text, "empty.bin": ""})
    assert checked_out(root, tmp_path / "there") == (WEIGHTS, [])
    assert (tmp_path / "there/text.md").read_text() == text
    assert (tmp_path / "there/link.bin").readlink() == Path("w.bin")


def test_large_files_of_a_submodule(root: Path, tmp_path: Path) -> None:
    outer = repository(tmp_path / "outer", {"layers.py": ""})
    submodule(outer, root, "weights")
    found = Repository(outer)
    found.check_out(found.version("main"), tmp_path / "there")
    assert "'weights/w.bin'; git lfs pull" in found.said[0]
    keep(WEIGHTS, outer / ".git/modules/weights/lfs")
    found = Repository(outer)
    found.check_out(found.version("main"), tmp_path / "again")
    assert (found.said, (tmp_path / "again/weights/w.bin").read_bytes()) == ([], WEIGHTS)


def test_the_sentence_names_three_at_most() -> None:
    assert "'a', 'b', 'c'; git" in large_files.said(["a", "b", "c", "a"])
    assert "'a', 'b', 'c' and 1 more; git" in large_files.said(["a", "b", "c", "d"])
