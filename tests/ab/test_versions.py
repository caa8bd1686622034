"""Which two versions are compared: references, the working tree, environments of their own."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest
from repositories import FILES, SECOND, as_bytes, clone, commit, files_of, git, repository, state, submodule, write

from rnn_vs_attn.ab import versions
from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.ab.proof import prove
from rnn_vs_attn.ab.report import described
from rnn_vs_attn.ab.setups import SetUp
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.worker.pool import end

pytestmark = pytest.mark.usefixtures("temporary")


# What is refused


@pytest.mark.parametrize("setting", ["all", "no"])
def test_new_files_are_changes_whatever_git_status_is_set_to_show(setting: str, root: Path) -> None:
    git(root, "config", "status.showUntrackedFiles", setting)
    assert not Repository(root).is_dirty()
    write(root, {"a.pyc": ""})
    assert not Repository(root).is_dirty()
    write(root, {"unknown.py": ""})
    assert Repository(root).is_dirty()


# Both sides


def of_references(baseline: str = "main~1", candidate: str | None = None, setup: str | None = None) -> versions.Sides:
    return versions.of_references(
        Repository(Path.cwd()), baseline, candidate, SetUp(setup) if setup else None, clean=False
    )


def test_the_working_tree_is_the_candidate_where_it_has_changes(
    root: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "package")
    with of_references() as clean:
        assert clean.candidate.label == f"HEAD ({git(root, 'rev-parse', 'HEAD')[:10]})"
        assert clean.notes == []
    write(root, {"mixers.py": "third\n"})
    before = state(root)
    with of_references() as both:
        assert both.candidate.label == "the working tree with uncommitted changes"
        assert files_of(both.candidate.worktree) == as_bytes(SECOND | {"mixers.py": "third\n"})
        assert files_of(both.baseline.worktree) == as_bytes(FILES)
        assert both.candidate.folder == both.candidate.worktree / "package"
        assert not both.same_tree
    with of_references("main", "HEAD") as same:
        assert same.same_tree
        assert "uncommitted changes are not measured" in same.notes[0]
    assert list(temporary.iterdir()) == []
    assert state(root) == before


def test_what_the_user_imports_from_the_repository_is_imported_from_the_checkout(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what stands on PYTHONPATH, under src, and in a folder that the baseline does not have yet."""
    commit(root, {"src/inner.py": "", "lib/outer.py": "", "recent/work.py": ""})
    monkeypatch.chdir(root / "recent")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "lib"), str(tmp_path / "elsewhere")]))
    with of_references() as both:
        old, new = both.baseline.worktree, both.candidate.worktree
        assert both.baseline.folder == old
        path = both.candidate.variables["PYTHONPATH"].split(os.pathsep)
        assert path == [str(p) for p in (new / "recent", new, new / "src", new / "lib", tmp_path / "elsewhere")]
        assert str(root) not in both.baseline.variables["PYTHONPATH"]


def test_what_a_checkout_lacks_and_what_was_taken_for_a_name_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = repository(tmp_path / "library", {"kernels.py": ""})
    submodule(root, library, "library")
    made = clone(root, tmp_path / "clone")
    git(made, "checkout", "--quiet", "--detach", "main")
    git(made, "branch", "--quiet", "--delete", "--force", "main")
    monkeypatch.chdir(made)
    with of_references("main~1", "main") as both:
        assert both.baseline.label == f"origin/main~1 ({git(root, 'rev-parse', 'main~1')[:10]})"
        assert [note.partition("; ")[2] for note in both.notes] == [
            "'origin/main~1' is taken",
            "'origin/main' is taken",
            "git submodule update --init library",
        ]


@pytest.mark.parametrize("imports", ["import kernels", "from library import kernels"])
def test_a_model_that_does_not_import_for_want_of_a_submodule_is_told_how_to_get_it(
    imports: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = repository(tmp_path / "library", {"kernels.py": ""})
    submodule(root, library, "library")
    commit(root, {"layers.py": f"{imports}\n"})
    monkeypatch.chdir(clone(root, tmp_path / "clone"))
    with of_references("main~1", "main") as both:
        workers = both.start()
        try:
            found = prove(both, workers, ["layers:Mixer"], 60)["layers:Mixer"]
        finally:
            end(*workers.values())
    assert "layers" in found.reasons["baseline"]
    reason = found.broken["candidate"].reason
    assert "ModuleNotFoundError" in reason or "ImportError" in reason
    assert reason.endswith("as it is not initialised; git submodule update --init library")


def test_a_folder_whose_name_separates_paths_can_be_imported_from(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = root.rename(tmp_path / "layers:v2")
    monkeypatch.chdir(root)
    with of_references() as both:
        for side in both:
            names = "import mixers_of, sys; print(mixers_of.__file__)"
            write(side.worktree, {"mixers_of.py": ""})
            found = subprocess.run(
                [sys.executable, "-c", names],
                env=os.environ | side.variables,
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert found.stdout.strip() == f"{side.worktree}/mixers_of.py"


@pytest.mark.slow
def test_setup_runs_in_each_checkout_with_an_environment_of_its_own(
    root: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    before = state(root)
    names = "os.getcwd(), sys.prefix, os.environ['VIRTUAL_ENV']"
    lines = f"import os, sys; print({names}, sep=chr(10), file=open('said', 'w'))"
    with of_references(setup=f'python -c "{lines}" && pip --version >> said') as both:
        for side in both:
            where, prefix, environment, *pip = (side.worktree / "said").read_text().splitlines()
            assert (where, prefix, environment) == (str(side.worktree), str(side.packages), str(side.packages))
            assert pip[0].startswith("pip ")
            assert side.python == str(side.packages / "bin/python")
            sees = [side.python, "-c", "import sys, torch; print(sys.prefix)"]
            assert side.name != "baseline" or subprocess.check_output(sees, text=True).strip() == prefix
        assert both.baseline.packages != both.candidate.packages
        assert sys.executable not in (both.baseline.python, both.candidate.python)
    assert list(temporary.iterdir()) == []
    assert state(root) == before


def test_what_setup_installs_comes_before_what_is_inherited(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a file that sorts last: an editable install of the same name may be inherited."""
    monkeypatch.chdir(root)
    lines = "import os, site; open(site.getsitepackages()[0] + '/zoo.pth', 'w').write(os.path.abspath('package'))"
    with of_references(setup=f'python -c "{lines}"') as both:
        for side in both:
            path = subprocess.check_output([side.python, "-c", "import sys; print(*sys.path, sep='\\n')"], text=True)
            found = path.splitlines()
            assert found.index(str(side.worktree / "package")) < found.index(site.getsitepackages()[0])


def test_a_setup_that_fails_is_said_with_its_last_line_and_leaves_nothing(
    root: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(UserError) as caught:
        of_references(setup="echo building; echo 'no compiler here' >&2; exit 7")
    assert "ended with exit code 7 in the checkout of main~1 (" in str(caught.value)
    assert ": no compiler here; --debug shows all of it" in str(caught.value)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("baseline", "candidate"), [("mian", None), ("main", "mian")])
def test_an_unknown_reference_leaves_nothing(
    baseline: str, candidate: str | None, root: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    before = state(root)
    with pytest.raises(UserError, match="unknown git reference 'mian'"):
        of_references(baseline, candidate)
    assert list(temporary.iterdir()) == []
    assert state(root) == before


def test_an_anonymous_run_says_no_folder_of_an_environment() -> None:
    name = Path(sys.executable).name
    with versions.of_interpreters(sys.executable, None) as both:
        found = described(both, anonymous=True)["baseline"]
        assert (found["label"], found["python"]) == (name, name)
        assert described(both, anonymous=False)["baseline"]["label"] == sys.executable
