"""Where verdicts go: JUnit, GitHub, files."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st
from planted_runs import record, stored
from verdict_rows import report, row

from rnn_vs_attn.compare.publishing import annotation, distribute, junit, write
from rnn_vs_attn.compare.summary import markdown
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, MISSING, SAME, SLOWER, UNSURE, VERDICTS
from rnn_vs_attn.errors import Interrupted, UserError

# JUnit


def test_junit_has_a_case_a_row_by_its_verdict() -> None:
    rows = [row(v, f"model-{v}", reason=f"because {v} < & >") for v in VERDICTS]
    suite = ElementTree.fromstring(junit(report(*rows)))[0]
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 9, "failures": 2, "errors": 2, "skipped": 2}
    found = {
        case.attrib["name"].split()[0]: [child.tag for child in case if child.tag != "system-out"] for case in suite
    }
    assert found == {
        "model=model-broken": ["failure"],
        "model=model-slower": ["failure"],
        "model=model-accepted": [],
        "model=model-faster": [],
        "model=model-same": [],
        "model=model-unsure": ["skipped"],
        "model=model-missing": ["error"],
        "model=model-new": ["skipped"],
        "model=model-failed": ["error"],
    }
    messages = [failure.attrib["message"] for failure in suite.findall(".//failure")]
    assert ["because broken < & >" in messages[0], "because slower < & >" in messages[1]] == [True, True]


def test_junit_is_read_by_junitparser() -> None:
    junitparser = pytest.importorskip("junitparser")
    text = junit(report(row(SLOWER), row(FAILED, centre=None, reason="x"), row(UNSURE), row(SAME)))
    (suite,) = junitparser.JUnitXml.fromstring(text.encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    assert all(case.classname == "rnn_vs_attn.ab" for case in suite)


def test_what_xml_cannot_hold_is_left_out_of_it() -> None:
    text = junit(report(row(FAILED, centre=None, reason="a\x00b\x1b[31mc\ud800d\ne")))
    message = ElementTree.fromstring(text.encode()).find(".//error")
    assert message is not None
    assert "ab[31mcd" in message.attrib["message"]


def test_junit_holds_letters_of_every_plane() -> None:
    text = junit(report(row(FAILED, "mixer-\U0001f642", centre=None, reason="größer \U0001f642 end")))
    error = ElementTree.fromstring(text.encode()).find(".//error")
    assert error is not None
    assert error.attrib["message"].endswith("größer \U0001f642 end")
    assert text.splitlines()[0].lower() == "<?xml version='1.0' encoding='utf-8'?>"


@unhurried
@given(st.text(st.characters(exclude_categories=()), max_size=30), st.sampled_from(VERDICTS))
def test_any_reason_is_valid_xml(reason: str, verdict: str) -> None:
    found = row(verdict, f"m{reason}", centre=None, reason=reason)
    text = junit(dataclasses.replace(report(found), title=reason))
    (case,) = ElementTree.fromstring(text.encode())[0]
    kept = {c for c in reason if c.isalnum()} - {chr(c) for c in range(0xD800, 0xE000)}
    assert kept <= set("".join(case.itertext()))


@pytest.mark.parametrize("number", [*range(0x20), 0x7F, 0x85, 0xFFFE, 0xFFFF, 0xD800, 0xDFFF])
def test_any_control_character_is_valid_xml(number: int) -> None:
    text = junit(report(row(FAILED, centre=None, reason=f"a{chr(number)}<b & c>\"'")))
    error = ElementTree.fromstring(text.encode()).find(".//error")
    assert error is not None
    assert error.attrib["message"].endswith("<b & c>\"'")


def test_junit_has_the_elements_and_attributes_of_its_schema_and_no_others() -> None:
    """In the schema's order; a test case has no properties there, so its numbers are in its texts."""
    text = junit(report(*(row(v, f"m-{v}", baseline=0.010, candidate=0.0125) for v in VERDICTS)))
    suites = ElementTree.fromstring(text)
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    assert set(suite.attrib) == {"name", "tests", "failures", "errors", "skipped", "time"}
    for case in suite:
        assert case.tag == "testcase"
        assert set(case.attrib) == {"name", "classname", "time"}
        assert [child.tag for child in case][-1] == "system-out"
        assert "10.0 ms" in "".join(case.itertext())
        for child in list(case)[:-1]:
            assert child.tag in ("failure", "error", "skipped")
            assert set(child.attrib) == {"type", "message"}
    names = [case.attrib["name"] for case in suite]
    assert len(set(names)) == len(names)


# GitHub


def test_the_annotation_is_one_line() -> None:
    line = annotation(report(*(row(SLOWER, f"50%\nfaster{i}", centre=1.2) for i in range(5)), code=1))
    assert line.startswith(
        "::error title=rnn-vs-attn::5 of 5 timings got slower by more than 3 %25; the worst is 50%25%0A"
    )
    assert "\n" not in line
    assert "faster3" not in line
    assert annotation(report(row(BROKEN, reason="it is gone"), code=5)) == (
        "::error title=rnn-vs-attn::lstm is broken: it is gone. (ab, b against a: 1 broken, 0 slower, 0 faster)"
    )
    assert annotation(report(code=3)).startswith("::warning ")
    assert annotation(report()).startswith("::notice ")


def test_an_annotation_cannot_begin_a_second_command() -> None:
    line = annotation(report(row(SLOWER, "a\r\n::error::b%0Ac"), code=1))
    assert len(line.splitlines()) == 1
    assert "a%0D%0A::error::b%250Ac" in line


def test_the_annotation_names_what_failed_or_is_missing() -> None:
    found = [row(SAME, "well"), row(FAILED, "lost", centre=None), row(MISSING, "gone", centre=None)]
    line = annotation(report(*found, code=3))
    assert "No verdict on lost and gone (1 failed, 1 missing)." in line
    assert "well" not in line


def test_files_and_the_job_summary_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = distribute(report(row(SAME)), tmp_path / "a/b.md", tmp_path / "c.xml")
    assert lines == [annotation(report(row(SAME)))]
    assert (tmp_path / "a/b.md").read_text() == markdown(report(row(SAME)))
    assert summary.read_text().startswith("before\n**Nothing got slower")
    assert ElementTree.parse(tmp_path / "c.xml")


def test_a_second_report_goes_below_the_first_in_the_job_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    made = report(row(SLOWER), code=1)
    for _ in range(2):
        distribute(made, None, None)
    assert summary.read_text() == 2 * (markdown(made) + "\n")


def test_nothing_is_said_to_github_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert distribute(report(row(SAME)), None, None) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/x.md \(--markdown\)"):
        distribute(report(row(SAME)), tmp_path / "file" / "x.md", None)
    with pytest.raises(UserError, match=r"cannot write .*file/x.xml \(--junit\)"):
        distribute(report(row(SAME)), None, tmp_path / "file" / "x.xml")
    with pytest.raises(UserError, match=r"cannot write .* \(--markdown\): Is a directory"):
        distribute(report(row(SAME)), tmp_path, None)


@pytest.mark.parametrize("name", ["run.json", "samples.jsonl", "records.jsonl"])
def test_what_was_measured_is_not_written_over(tmp_path: Path, name: str) -> None:
    run = stored(tmp_path / "run", record("train_time", [0.1]))
    before = (run / name).read_bytes()
    with pytest.raises(UserError, match=r"\(--markdown\) is what a run is stored in; name another file"):
        write(run / name, "# Verdicts", "--markdown")
    assert (run / name).read_bytes() == before
    write(tmp_path / name, "elsewhere such a name is free", "--markdown")


def test_a_job_summary_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UserError, match=r"\(GITHUB_STEP_SUMMARY\)"):
        distribute(report(row(SAME)), None, None)


def test_a_file_is_there_whole_old_or_new_and_a_link_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may come while it is written."""
    file, link = tmp_path / "kept.md", tmp_path / "link.md"
    write(file, "old\n", "--markdown")
    link.symlink_to(file)

    def interrupted(descriptor: int) -> None:
        raise Interrupted(130)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(Interrupted):
            write(link, "new\n", "--markdown")
    assert file.read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.md", "link.md"]
    write(link, "new\n", "--markdown")
    assert link.is_symlink()
    assert file.read_text() == "new\n"
    write(Path(os.devnull), "gone\n", "--markdown")
    assert not Path(os.devnull).is_file()
