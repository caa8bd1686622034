"""What `ab --bisect` tells git, and what it refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from verdict_rows import row

from rnn_vs_attn.ab import bisect
from rnn_vs_attn.ab.options import AbOptions
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SetUpFails
from rnn_vs_attn.compare.report import Report
from rnn_vs_attn.compare.verdicts import ACCEPTED, BROKEN, FAILED, FASTER, MISSING, NEW, SAME, SLOWER, UNSURE
from rnn_vs_attn.errors import UserError, as_typed

GIVEN = AbOptions(baseline="good", bisect=True)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((SAME,), 0),
        ((SAME, FASTER), 0),
        ((SLOWER,), 1),
        ((SAME, SLOWER, UNSURE), 1),
        ((SLOWER, BROKEN), 1),  # a commit that is slower in one case is bad, whatever the others are
        ((SAME, UNSURE), 125),
        ((SAME, BROKEN), 125),
        ((SAME, FAILED), 125),
        ((SAME, MISSING), 125),
        ((SAME, NEW), 125),
        ((SAME, ACCEPTED), 125),  # which no bisect has, as it reads no file
        ((), 125),
    ],
)
def test_a_commit_is_good_only_where_all_is_known_to_be(verdicts: tuple[str, ...], code: int) -> None:
    assert bisect.code_of([row(verdict) for verdict in verdicts], same_files=False) == code


def test_a_commit_that_gives_a_layer_a_state_is_good() -> None:
    assert bisect.code_of([row(SAME), replace(row(NEW), exact=True)], same_files=False) == 0


def test_the_files_of_the_good_commit_are_good() -> None:
    assert bisect.code_of([], same_files=True) == 0


@pytest.mark.parametrize(
    ("code", "typed", "ends"),
    [
        *((code, ["ab", "good", "--bisect"], code) for code in (0, 1, 125)),
        *((code, ["ab", "good", "--bisect"], 128) for code in (2, 3, 4, 5, 120, 126, 127, 130, 143)),
        (2, ["ab", "good", "--bisect=yes"], 128),
        *((code, ["ab", "main"], code) for code in (0, 1, 2, 3, 4, 5, 130, 143)),
    ],
)
def test_what_is_no_answer_stops_a_bisect_and_no_other_command(code: int, typed: list[str], ends: int) -> None:
    assert as_typed(code, typed) == ends


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"baseline": None}, "a commit that is good; name that one"),
        ({"aa": True}, "name that one"),
        ({"candidate_python": "python3"}, "name that one"),
        ({"candidate": "main"}, "not 'main'; leave the second reference out"),
        ({"output": Path("run")}, "--output is one folder"),
    ],
)
def test_what_is_no_bisect_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        bisect.checked(replace(GIVEN, **change))  # type: ignore[arg-type]


def test_progress_is_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        assert bisect.checked(GIVEN).quiet is not terminal


def test_one_line_a_commit_and_the_files_that_were_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    facts = {"sides": {CANDIDATE: {"label": "HEAD (729eb6a0aa)\n::error::"}}}
    report = Report("ab", [row(SLOWER)], [], 1, facts)
    options = replace(GIVEN, markdown=tmp_path / "ab.md", as_json=True)
    assert bisect.publish(report, options, same_files=False) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("bisect: HEAD (729eb6a0aa)\\n::error:: is slower (1): ")
    assert shown.err.count("\n") == 1
    assert '"exit_code": 1' in shown.out
    assert "| slower |" in (tmp_path / "ab.md").read_text()


def test_a_commit_that_cannot_be_set_up_is_skipped_and_a_baseline_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    failed = SetUpFails(CANDIDATE, "--setup 'make' ended with exit code 2")
    assert bisect.skip(failed, GIVEN) == 125
    assert capsys.readouterr().err == "bisect: HEAD is skipped (125): --setup 'make' ended with exit code 2.\n"
    with pytest.raises(SetUpFails):
        bisect.skip(failed, replace(GIVEN, bisect=False))
    with pytest.raises(SetUpFails):
        bisect.skip(SetUpFails(BASELINE, "no compiler"), GIVEN)
