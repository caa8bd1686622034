"""A stored run of `ab` is gone on with as it was asked for, or refused in one sentence."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edited_runs import called, edited
from repositories import commit, git, state, write

from rnn_vs_attn.ab import command, resuming, versions
from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.options import SUITE, AbOptions
from rnn_vs_attn.ab.prelude import Prelude
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, Sides
from rnn_vs_attn.compare.outcome import Outcome
from rnn_vs_attn.compare.verdicts import BROKEN, SAME, exact_row
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Acceptance
from rnn_vs_attn.records.folder import RunFolder, read_head
from rnn_vs_attn.run import cases
from rnn_vs_attn.suites.case import axes_of

AXES = cases.parse(SUITE, cases.defaults(SUITE.axes.case)) | {
    "model": ["lstm", "gru"],
    "seq_len": [64],
    "device": ["cpu"],
    "threads": [1],
}
LSTM, GRU = cases.cases_of(SUITE, AXES)
FACTS = {"torch": "2.9.0", "torch_config": "plain"}


def prelude(**changes: Any) -> Prelude:
    made = Prelude(
        {BASELINE: dict(FACTS), CANDIDATE: dict(FACTS)},
        AXES,
        {GRU: Untimed(BROKEN, "it fails in the candidate: boom (again in fresh processes; the baseline works)")},
        {LSTM: Outcome(max_error=1e-7, where="output", equal=False)},
        [exact_row(SUITE.metric("saved_bytes", axes_of(LSTM)), dict(axes_of(LSTM)), 1024.0, 1024.0, 0.03, "ab")],
        {"gru": "at seq_len 64: no answer"},
        {BASELINE: {"lstm": "abc"}, CANDIDATE: {"lstm": "abc"}},
    )
    return dataclasses.replace(made, **changes)


def begun(path: Path, options: AbOptions, both: Sides | None = None) -> Path:
    """A run that has not come to a pair yet."""
    folder = RunFolder.create(path)
    folder.write_run(command._head(both or versions.alike(), prelude(), options))
    folder.close()
    return path


OPTIONS = AbOptions(aa=True, screen=6, margin=0.05, passes=("train",), strict=True, max_memory=2**30, seed=3)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return begun(tmp_path / "run", OPTIONS)


def test_a_run_is_read_as_it_was_asked_for(stored: Path) -> None:
    found = resuming.read(stored, AbOptions(resume=stored, quiet=True), ["resume", "quiet"])
    assert found.options == dataclasses.replace(OPTIONS, resume=stored, output=stored, quiet=True)
    assert found.prelude == prelude(facts={}, code={})
    assert [case.model for case in found.prelude.timed] == ["lstm"]
    assert found.prelude.exact[0].verdict == SAME
    assert found.lines == []


def test_the_time_is_the_stored_one_unless_it_is_given_again(stored: Path) -> None:
    given = AbOptions(resume=stored, max_seconds=7.0, junit=Path("ab.xml"))
    assert resuming.read(stored, given, ["resume"]).options.max_seconds == OPTIONS.max_seconds
    again = resuming.read(stored, given, ["resume", "max_seconds", "junit"]).options
    assert (again.max_seconds, again.junit) == (7.0, Path("ab.xml"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h["settings"].pop("options"), "was begun by a version that cannot go on with it"),
        (lambda h: h["settings"].pop("prelude"), "was begun by a version that cannot go on with it"),
        (lambda h: h["settings"].update(inputs=0), "makes other weights or inputs"),
        (lambda h: h["settings"]["limits"]["budget"].update(case=9.0), "was begun by a version that takes other pairs"),
        (lambda h: h["settings"].update(axes={}), "its settings do not fit"),
        (lambda h: h["settings"]["axes"].update(seq_len=[0]), "0 is no value of --seq-len"),
        (lambda h: h["settings"]["axes"].update(seq_len=[128]), "its settings do not fit (KeyError"),
        (lambda h: h["settings"]["options"].update(screen="six"), "its settings do not fit"),
        (lambda h: h["settings"]["options"].update(screen=3), "--screen 3 pairs give no interval"),
        (lambda h: h["settings"]["options"].update(confirm=10**9), "options ask for 1000000006 pairs"),
        (lambda h: h["settings"]["options"].update(timeout=-1.0), "options.timeout is -1"),
        (lambda h: h["settings"]["options"].update(margin=4.0), "a margin or passes that there are not"),
        (lambda h: h["settings"]["options"].update(passes=["sideways"]), "a margin or passes that there are not"),
        (lambda h: h["settings"]["options"].update(speed=1), "options.speed is no option that a run keeps"),
        (lambda h: h["settings"]["options"].update(junit="x"), "options.junit is no option that a run keeps"),
        (lambda h: h["settings"]["prelude"]["untimed"][0].update(verdict="red"), "there is no verdict 'red'"),
        (lambda h: h["settings"]["prelude"]["exact"][0].update(centre="much"), "its settings do not fit"),
        (lambda h: h["settings"]["sides"].pop("baseline"), "its settings do not fit"),
        (lambda h: h["settings"].update(written=3), "its settings do not fit"),
        (lambda h: h["settings"].update(machine=[]), "its settings do not fit"),
        (lambda h: h["settings"].update(code={"baseline": 3}), "its settings do not fit"),
        (lambda h: h.update(status="over"), "its status is 'over'"),
        (lambda h: h.update(suite="bench"), "holds a run of 'bench', not of 'ab'; use rnn-vs-attn bench --resume"),
    ],
)
def test_a_run_that_cannot_go_on_is_one_sentence_and_stays_as_it_is(
    stored: Path, change: Callable[[Any], Any], said: str
) -> None:
    def changed(value: Any) -> Any:
        change(value)
        return value

    edited(stored, "run.json", changed)
    before = {file.name: file.read_bytes() for file in stored.iterdir()}
    code, out, err = called("ab", "--resume", str(stored))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert {file.name: file.read_bytes() for file in stored.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seq-len", "8"], "leave out --seq-len"),
        (["--pass", "forward"], "leave out --pass"),
        (["--aa"], "leave out --aa"),
        (["--output", "x"], "leave out --output"),
        (["main"], "leave out main"),
    ],
)
def test_beside_resume_only_the_time_and_the_places_may_be_given(stored: Path, words: list[str], said: str) -> None:
    code, out, err = called("ab", "--resume", str(stored), *words)
    assert (code, out) == (2, "")
    assert err == f"error: --resume goes on under the run's own settings; {said}\n"


def test_a_folder_that_is_none_or_that_another_run_holds_is_refused(stored: Path, tmp_path: Path) -> None:
    code, _, err = called("ab", "--resume", str(tmp_path))
    assert code == 2
    assert "is this the folder of a run?" in err
    holder = RunFolder.reopen(stored)
    code, _, err = called("ab", "--resume", str(stored))
    holder.close()
    assert code == 2
    assert "is being written by another run" in err


def test_an_anonymous_run_has_no_paths_to_go_on_with_and_needs_none_without_them(tmp_path: Path) -> None:
    python = "/home/ada/bin/python"
    path = begun(tmp_path / "pythons", AbOptions(baseline_python=python, anonymous=True))
    assert python not in (path / "run.json").read_text()
    with pytest.raises(UserError, match="an anonymous run does not say which Pythons or --setup it was given"):
        resuming.read(path, AbOptions(), [])
    path = begun(tmp_path / "alike", AbOptions(aa=True, anonymous=True))
    assert resuming.read(path, AbOptions(), []).options.anonymous


# The same machine and the same code


def test_another_torch_on_one_side_is_refused_and_named(stored: Path) -> None:
    found = resuming.read(stored, AbOptions(), [])
    resuming.check_alike(found, prelude())
    other = prelude(facts={BASELINE: dict(FACTS), CANDIDATE: FACTS | {"torch": "2.9.1"}})
    with pytest.raises(UserError, match="or with other software: its candidate differs in torch; start"):
        resuming.check_alike(found, other)


def test_another_file_of_a_model_is_refused_and_named(stored: Path) -> None:
    found = resuming.read(stored, AbOptions(), [])
    with pytest.raises(UserError, match="the file of 'lstm' has changed since"):
        resuming.check_alike(found, prelude(code={BASELINE: {"lstm": "abc"}, CANDIDATE: {"lstm": "abd"}}))


# The same commits


@pytest.fixture
def at_root(root: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(root)
    return root


def of_repository(path: Path, baseline: str, candidate: str | None, **rest: Any) -> Path:
    with versions.of_references(Repository(Path.cwd()), baseline, candidate, None, False) as both:
        return begun(path, AbOptions(baseline=baseline, candidate=candidate, output=path, **rest), both)


def again(path: Path) -> Sides:
    return resuming.sides_again(resuming.read(path, AbOptions(), []))


def test_a_branch_that_has_moved_is_measured_where_it_was(at_root: Path, tmp_path: Path) -> None:
    path = of_repository(tmp_path / "run", "main~1", "main")
    before = [git(at_root, "rev-parse", name) for name in ("main~1", "main")]
    labels = [f"main~1 ({before[0][:10]})", f"main ({before[1][:10]})"]
    commit(at_root, {"mixers.py": "third\n"})
    with again(path) as both:
        assert [side.version.commit for side in both if side.version] == before
        assert [side.label for side in both] == labels
        assert (both.candidate.folder / "mixers.py").read_text() == "second\n"


def test_a_working_tree_that_was_clean_is_measured_by_its_commit(at_root: Path, tmp_path: Path) -> None:
    path = of_repository(tmp_path / "run", "main~1", None)
    write(at_root, {"mixers.py": "dirty\n"})
    with again(path) as both:
        assert (both.candidate.folder / "mixers.py").read_text() == "second\n"


def test_uncommitted_changes_must_be_those_of_before(at_root: Path, tmp_path: Path, temporary: Path) -> None:
    write(at_root, {"mixers.py": "dirty\n", "untracked.py": "x\n"})
    path = of_repository(tmp_path / "run", "main", None)
    before = state(at_root)
    with again(path) as both:
        assert (both.candidate.folder / "mixers.py").read_text() == "dirty\n"
        assert both.candidate.label == "the working tree with uncommitted changes"
    assert state(at_root) == before
    write(at_root, {"untracked.py": "y\n"})
    with pytest.raises(UserError, match=r"files of the working tree are not those that .* was begun with"):
        again(path)
    assert list(temporary.iterdir()) == []


def test_changes_that_are_committed_by_now_are_still_those_of_before(at_root: Path, tmp_path: Path) -> None:
    write(at_root, {"mixers.py": "dirty\n"})
    path = of_repository(tmp_path / "run", "main", None)
    commit(at_root, {})
    with again(path) as both:
        assert (both.candidate.folder / "mixers.py").read_text() == "dirty\n"


def test_what_the_call_itself_has_written_is_no_change(at_root: Path) -> None:
    write(at_root, {"mixers.py": "dirty\n"})
    places = {"markdown": Path("a b[1].md"), "junit": Path("out/ab.xml")}
    path = of_repository(Path("run*"), "main", None, **places)
    write(at_root, {"a b[1].md": "verdicts\n", "out/ab.xml": "<x/>\n"})
    assert read_head(path).settings["written"] == ["run*", "a b[1].md", "out/ab.xml"]
    with again(path) as both:
        assert not (both.candidate.folder / "a b[1].md").exists()


def test_what_standard_streams_are_redirected_to_is_no_change(
    at_root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = at_root / "deep/ab.log"
    log.parent.mkdir()
    before = resuming.written(at_root, AbOptions())
    with capfd.disabled(), log.open("w") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            found = resuming.written(at_root, AbOptions())
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    assert (before, found) == ([], ["deep/ab.log"])
    monkeypatch.setattr(resuming, "written", lambda root, options: found)
    write(at_root, {"mixers.py": "dirty\n"})
    with versions.of_references(Repository(at_root), "main", None, None, False, written=found) as both:
        path = begun(at_root.parent / "run", AbOptions(baseline="main"), both)
    write(at_root, {"deep/ab.log": "more of it\n"})
    with again(path) as both:
        assert (both.candidate.folder / "mixers.py").read_text() == "dirty\n"


@pytest.mark.parametrize(("until", "ran_out"), [("2026-01-01", True), ("2999-12-31", False)])
def test_what_is_accepted_is_so_until_its_day_also_in_a_later_sitting(
    at_root: Path, tmp_path: Path, until: str, ran_out: bool
) -> None:
    entry = Acceptance({"model": ["layers:M"]}, until, "gates")
    path = of_repository(tmp_path / "run", "main~1", "main", accepted=(entry,))
    assert read_head(path).settings["options"]["accepted"][0]["ran_out"] is False
    (found,) = resuming.read(path, AbOptions(), []).options.accepted
    assert found == dataclasses.replace(entry, ran_out=ran_out)


def test_a_commit_that_is_gone_is_named(at_root: Path, tmp_path: Path) -> None:
    path = of_repository(tmp_path / "run", "main~1", "main")

    def changed(head: Any) -> Any:
        head["settings"]["sides"]["baseline"]["commit"] = "0" * 40
        return head

    edited(path, "run.json", changed)
    with pytest.raises(UserError, match=f"unknown git reference '{'0' * 40}'"):
        again(path)
