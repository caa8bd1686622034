"""Verdicts as people and other programs read them."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from command import run
from fakes import unhurried
from hypothesis import given
from hypothesis import strategies as st
from paths import REFERENCE
from planted_runs import record, stored, values

from rnn_vs_attn.compare.report import Report, annotation, distribute, document, junit, markdown, table
from rnn_vs_attn.compare.verdicts import (
    BROKEN,
    FAILED,
    FASTER,
    MISSING,
    NEW,
    SAME,
    SLOWER,
    UNSURE,
    VERDICTS,
    Comparison,
)
from rnn_vs_attn.errors import UserError

GRADFLOW = REFERENCE / "gradflow"


def row(verdict: str, model: str = "lstm", centre: float | None = 1.0, **rest: Any) -> Comparison:
    plain: dict[str, Any] = {"unit": "s", "better": "lower", "exact": False, "scale": "ratio"}
    ends = {"low": None if centre is None else centre * 0.9, "high": None if centre is None else centre * 1.1}
    axes = {"model": model, "seq_len": 64, "d_model": 16}
    return Comparison("ab", axes, "forward_time", verdict=verdict, centre=centre, **(plain | ends | rest))


def report(*found: Comparison, code: int = 0) -> Report:
    return Report("ab, b against a", found, ["a note"], code)


def test_the_worst_comes_first() -> None:
    rows = [row(SAME), row(FASTER, centre=0.5), row(UNSURE), row(NEW), row(MISSING), row(FAILED)]
    rows += [row(SLOWER, centre=1.1), row(SLOWER, centre=2.0), row(BROKEN, centre=None)]
    ordered = report(*rows).ordered
    assert [c.verdict for c in ordered] == [BROKEN, SLOWER, SLOWER, FAILED, MISSING, NEW, UNSURE, FASTER, SAME]
    assert [c.centre for c in ordered[1:3]] == [2.0, 1.1]


def test_less_is_worse_where_more_is_better() -> None:
    ordered = report(row(SLOWER, centre=0.9, better="higher"), row(SLOWER, centre=0.5, better="higher")).ordered
    assert [c.centre for c in ordered] == [0.5, 0.9]


def test_faster_is_always_counted_beside_slower() -> None:
    assert report(row(SAME), row(SAME)).counts == "0 slower, 0 faster, 2 same"
    assert report(row(SLOWER), row(UNSURE), code=1).headline == (
        "ab, b against a: slower (1 slower, 0 faster, 1 unsure)"
    )


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_counted(verdict: str) -> None:
    counts = report(row(verdict), row(verdict)).counts
    assert f"2 {verdict}" in counts
    assert {SLOWER, FASTER} <= set(counts.replace(",", "").split())
    assert "0 same" not in counts


@pytest.mark.parametrize(("code", "said"), [(0, "no slowdown found"), (1, "slower"), (3, "no verdict"), (5, "broken")])
def test_the_headline_says_what_the_exit_code_says(code: int, said: str) -> None:
    assert report(row(SAME), code=code).headline == f"ab, b against a: {said} (0 slower, 0 faster, 1 same)"


def test_a_row_has_ratio_interval_stage_and_what_it_could_see() -> None:
    found = row(SLOWER, centre=1.25, baseline=0.010, candidate=0.0125, stage=2, values=20, detectable=0.05)
    shown = table(report(found))
    cells = dict(zip(shown.header, shown.rows[0], strict=True))
    assert cells == {
        "model": "lstm",
        "seq_len": "64",
        "metric": "forward_time",
        "verdict": "slower",
        "baseline": "10.0 ms",
        "candidate": "12.5 ms",
        "candidate ÷ baseline": "1.250 [1.125, 1.375]",
        "decided on": "stage 2, 20 pairs",
        "could see": "+5.0%",
    }
    assert "all rows: d_model 16" in shown.notes


def test_a_difference_is_shown_with_its_sign() -> None:
    found = row(SLOWER, centre=-0.2, low=-0.3, high=-0.1, scale="difference", unit="1", better="higher")
    assert "-0.2 [-0.3, -0.1]" in table(report(found)).rows[0]


def test_markdown_has_fifty_rows_and_a_count_of_the_rest() -> None:
    text = markdown(report(*(row(SAME, f"m{i}") for i in range(60)), row(SLOWER, "m60")))
    assert text.count("\n| m") == 50 + 1  # and the header
    assert text.index("m60") < text.index("m0 ")
    assert "and 11 more rows: 11 same" in text


def test_fifty_rows_are_all_shown() -> None:
    text = markdown(report(*(row(UNSURE, f"m{i}") for i in range(50))))
    assert text.count("\n| m") == 50 + 1
    assert "more rows" not in text


def test_a_report_of_many_long_reasons_fits_into_a_job_summary() -> None:
    text = markdown(report(*(row(FAILED, f"m{i}", reason="x" * 2000) for i in range(1000))))
    assert len(text.encode()) < 1 << 20
    assert "and 950 more rows: 950 failed" in text


def test_equal_exact_values_are_counted_and_not_listed() -> None:
    exact = {"metric": "saved_bytes", "unit": "B", "exact": True, "baseline": 8.0}
    found = [
        Comparison(
            "ab", {"model": "lstm"}, better="lower", scale="ratio", verdict=v, candidate=c, centre=c / 8, **exact
        )
        for v, c in ((SAME, 8.0), (SLOWER, 9.0))
    ]
    shown = table(report(*found))
    assert len(shown.rows) == 1
    assert "1 exact values are equal on both sides (saved_bytes)" in shown.notes


def test_a_report_without_rows_has_its_headline_and_notes() -> None:
    assert markdown(report(code=3)) == "ab, b against a: no verdict (0 slower, 0 faster)\n\n\n- a note\n"


def test_a_pipe_in_a_reason_does_not_break_the_table() -> None:
    assert "a \\| b" in markdown(report(row(FAILED, centre=None, reason="a | b")))


def test_every_line_of_the_table_has_as_many_cells() -> None:
    found = [row(v, f"a|b.py:{v}", reason=f"{v} | {v}") for v in VERDICTS]
    lines = [line for line in markdown(report(*found)).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert len(lines) == 2 + len(VERDICTS)


def test_the_document_is_json_without_nan() -> None:
    text = json.dumps(document(report(row(SLOWER), row(FAILED, centre=None), code=1)), allow_nan=False)
    read = json.loads(text)
    assert read["exit_code"] == 1
    assert read["counts"] == {"slower": 1, "failed": 1}
    assert [c["verdict"] for c in read["comparisons"]] == ["slower", "failed"]
    assert read["comparisons"][0] == dataclasses.asdict(row(SLOWER))


def test_the_document_holds_what_has_no_ratio() -> None:
    """From no bytes to some: neither infinity nor a number that is none."""
    found = row(SLOWER, centre=None, exact=True, unit="B", baseline=0.0, candidate=8.0)
    text = json.dumps(document(report(found, code=1)), allow_nan=False)
    assert json.loads(text)["comparisons"][0]["centre"] is None
    assert junit(report(found))
    assert "slower" in annotation(report(found, code=1))


def test_facts_are_beside_the_verdicts_in_the_document() -> None:
    made = Report("compare", [row(SAME)], ["a note"], 0, {"margin": 0.03, "suite": "bench"})
    read = document(made)
    assert (read["margin"], read["suite"], read["notes"]) == (0.03, "bench", ["a note"])


# JUnit


def test_junit_has_a_case_a_row_by_its_verdict() -> None:
    rows = [row(v, f"model-{v}", reason=f"because {v} < & >") for v in VERDICTS]
    suite = ElementTree.fromstring(junit(report(*rows)))[0]
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 8, "failures": 2, "errors": 2, "skipped": 2}
    found = {
        case.attrib["name"].split()[0]: [child.tag for child in case if child.tag != "system-out"] for case in suite
    }
    assert found == {
        "model=model-broken": ["failure"],
        "model=model-slower": ["failure"],
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


def test_the_annotation_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    line = annotation(report(*(row(SLOWER, f"50%\nfaster{i}") for i in range(5)), code=1))
    assert line.startswith("::error title=rnn-vs-attn::ab, b against a: slower (5 slower")
    assert "\n" not in line
    assert "50%25%0Afaster0" in line
    assert "faster3" not in line
    broken = annotation(report(row(BROKEN, "gone", centre=None), code=5))
    assert broken.startswith("::error ")
    assert broken.endswith("; gone 64 forward_time broken")
    assert annotation(report(code=3)).startswith("::warning ")
    assert annotation(report()).startswith("::notice ")


def test_an_annotation_cannot_begin_a_second_command() -> None:
    line = annotation(report(row(SLOWER, "a\r\n::error::b%0Ac"), code=1))
    assert len(line.splitlines()) == 1
    assert "a%0D%0A::error::b%250Ac" in line


def test_the_annotation_names_what_failed_or_is_missing_and_nothing_that_is_well() -> None:
    found = [row(SAME, "well"), row(FASTER, "quick"), row(FAILED, "broken", centre=None), row(MISSING, "lost")]
    line = annotation(report(*found, code=3))
    assert "broken 64 forward_time failed" in line
    assert "lost 64 forward_time missing" in line
    assert "well" not in line
    assert "quick" not in line


def test_files_and_the_job_summary_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = distribute(report(row(SAME)), tmp_path / "a/b.md", tmp_path / "c.xml")
    assert lines == [annotation(report(row(SAME)))]
    assert (tmp_path / "a/b.md").read_text() == markdown(report(row(SAME)))
    assert summary.read_text().startswith("before\nab, b against a")
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


def test_a_job_summary_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UserError, match=r"\(GITHUB_STEP_SUMMARY\)"):
        distribute(report(row(SAME)), None, None)


# At the command line


def test_a_run_against_itself_has_nothing_slower_and_nothing_faster(tmp_path: Path) -> None:
    path = str(stored(tmp_path / "run", record("forward_time", values(8)), record("train_time", values(8, seed=1))))
    done = run("compare", path, path, "--json")
    read = json.loads(done.stdout)
    assert (done.returncode, read["exit_code"]) == (0, 0), done.stderr
    assert {c["verdict"] for c in read["comparisons"]} <= {SAME, UNSURE}
    assert all(c["centre"] == pytest.approx(1.0) for c in read["comparisons"] if not c["exact"])


def test_github_gets_its_annotation_on_standard_error_and_json_stays_one_document(tmp_path: Path) -> None:
    surroundings = dict(os.environ, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))
    done = run("compare", str(GRADFLOW), str(GRADFLOW), "--json", env=surroundings)
    assert json.loads(done.stdout)["exit_code"] == 0
    assert done.stderr.startswith("::notice title=rnn-vs-attn::compare, ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "summary.md").read_text().startswith("compare, ")


def test_a_line_that_stands_twice_is_one_sentence_that_names_both_lines(tmp_path: Path) -> None:
    path = stored(tmp_path / "run", record("forward_time", values(8)), record("train_time", values(8)))
    file = path / "records.jsonl"
    file.write_text(file.read_text() + file.read_text().splitlines(keepends=True)[0])
    done = run("compare", str(path), str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {file}, line 3 repeats line 1: forward_time of the same case\n"


def test_unlike_machines_are_named_in_json_and_junit_too(tmp_path: Path) -> None:
    paths = [stored(tmp_path / name, record("forward_time", values(8))) for name in ("old", "new")]
    head = paths[1] / "run.json"
    head.write_text(head.read_text().replace("abacus", "slide rule"))
    done = run("compare", *map(str, paths), "--json", "--junit", str(tmp_path / "j.xml"))
    read = json.loads(done.stdout)
    assert (done.returncode, read["exit_code"]) == (3, 3)
    assert read["differing"] == ["cpu: abacus and slide rule"]
    assert read["comparisons"] == []
    assert ElementTree.parse(tmp_path / "j.xml").getroot()[0].attrib["tests"] == "0"


def test_three_runs_are_one_document_under_json(tmp_path: Path) -> None:
    days = [f"2026-01-0{day}" for day in (1, 2, 3)]
    paths = [str(stored(tmp_path / day, record("forward_time", values(8)), started=day)) for day in days]
    done = run("compare", *paths, "--json")
    assert done.returncode == 0
    assert [found["started"] for found in json.loads(done.stdout)["runs"]] == days
