"""Verdicts as people and other programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rnn_vs_attn import verdict_report
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.verdict_report import Report
from rnn_vs_attn.verdicts import FAILED, FASTER, MISSING, NEW, SAME, SLOWER, UNSURE, Comparison


def row(verdict: str, model: str = "lstm", centre: float | None = 1.0, **rest: Any) -> Comparison:
    plain: dict[str, Any] = {"unit": "s", "better": "lower", "exact": False, "scale": "ratio"}
    ends = {"low": None if centre is None else centre * 0.9, "high": None if centre is None else centre * 1.1}
    axes = {"model": model, "seq_len": 64, "d_model": 16}
    return Comparison("ab", axes, "forward_time", verdict=verdict, centre=centre, **(plain | ends | rest))


def report(*found: Comparison, code: int = 0) -> Report:
    return Report("ab, b against a", found, ["a note"], code)


def test_the_worst_comes_first() -> None:
    rows = [row(SAME), row(FASTER, centre=0.5), row(UNSURE), row(NEW), row(MISSING), row(FAILED)]
    rows += [row(SLOWER, centre=1.1), row(SLOWER, centre=2.0)]
    ordered = report(*rows).ordered
    assert [c.verdict for c in ordered] == [SLOWER, SLOWER, FAILED, MISSING, NEW, UNSURE, FASTER, SAME]
    assert [c.centre for c in ordered[:2]] == [2.0, 1.1]


def test_less_is_worse_where_more_is_better() -> None:
    ordered = report(row(SLOWER, centre=0.9, better="higher"), row(SLOWER, centre=0.5, better="higher")).ordered
    assert [c.centre for c in ordered] == [0.5, 0.9]


def test_faster_is_always_counted_beside_slower() -> None:
    assert report(row(SAME), row(SAME)).counts == "0 slower, 0 faster, 2 same"
    assert report(row(SLOWER), row(UNSURE), code=1).headline == (
        "ab, b against a: slower (1 slower, 0 faster, 1 unsure)"
    )


def test_a_row_has_ratio_interval_stage_and_what_it_could_see() -> None:
    found = row(SLOWER, centre=1.25, baseline=0.010, candidate=0.0125, stage=2, values=20, detectable=0.05)
    table = verdict_report.table(report(found))
    cells = dict(zip(table.header, table.rows[0], strict=True))
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
    assert "all rows: d_model 16" in table.notes


def test_a_difference_is_shown_with_its_sign() -> None:
    found = row(SLOWER, centre=-0.2, low=-0.3, high=-0.1, scale="difference", unit="1", better="higher")
    assert "-0.2 [-0.3, -0.1]" in verdict_report.table(report(found)).rows[0]


def test_markdown_has_fifty_rows_and_a_count_of_the_rest() -> None:
    text = verdict_report.markdown(report(*(row(SAME, f"m{i}") for i in range(60)), row(SLOWER, "m60")))
    assert text.count("\n| m") == 50 + 1  # and the header
    assert text.index("m60") < text.index("m0 ")
    assert "and 11 more rows: 11 same" in text


def test_equal_exact_values_are_counted_and_not_listed() -> None:
    exact = {"metric": "saved_bytes", "unit": "B", "exact": True, "baseline": 8.0}
    found = [
        Comparison(
            "ab", {"model": "lstm"}, better="lower", scale="ratio", verdict=v, candidate=c, centre=c / 8, **exact
        )
        for v, c in ((SAME, 8.0), (SLOWER, 9.0))
    ]
    table = verdict_report.table(report(*found))
    assert len(table.rows) == 1
    assert "1 exact values are equal on both sides (saved_bytes)" in table.notes


def test_a_report_without_rows_has_its_headline_and_notes() -> None:
    assert verdict_report.markdown(report(code=3)) == "ab, b against a: no verdict (0 slower, 0 faster)\n\n\n- a note\n"


def test_a_pipe_in_a_reason_does_not_break_the_table() -> None:
    assert "a \\| b" in verdict_report.markdown(report(row(FAILED, centre=None, reason="a | b")))


def test_the_document_is_json_without_nan() -> None:
    text = json.dumps(verdict_report.document(report(row(SLOWER), row(FAILED, centre=None), code=1)), allow_nan=False)
    document = json.loads(text)
    assert document["exit_code"] == 1
    assert document["counts"] == {"slower": 1, "failed": 1}
    assert [c["verdict"] for c in document["comparisons"]] == ["slower", "failed"]


# JUnit


def test_junit_has_a_case_a_row_by_its_verdict() -> None:
    verdicts = (SLOWER, FASTER, SAME, UNSURE, MISSING, NEW, FAILED)
    rows = [row(v, f"model-{v}", reason=f"because {v} < & >") for v in verdicts]
    suite = ElementTree.fromstring(verdict_report.junit(report(*rows)))[0]
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 7, "failures": 1, "errors": 2, "skipped": 2}
    found = {
        case.attrib["name"].split()[0]: [child.tag for child in case if child.tag != "system-out"] for case in suite
    }
    assert found == {
        "model=model-slower": ["failure"],
        "model=model-faster": [],
        "model=model-same": [],
        "model=model-unsure": ["skipped"],
        "model=model-missing": ["error"],
        "model=model-new": ["skipped"],
        "model=model-failed": ["error"],
    }
    failure = suite.find(".//failure")
    assert failure is not None
    assert "because slower < & >" in failure.attrib["message"]


def test_junit_is_read_by_junitparser() -> None:
    junitparser = pytest.importorskip("junitparser")
    text = verdict_report.junit(report(row(SLOWER), row(FAILED, centre=None, reason="x"), row(UNSURE), row(SAME)))
    (suite,) = junitparser.JUnitXml.fromstring(text.encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    assert all(case.classname == "rnn_vs_attn.ab" for case in suite)


def test_what_xml_cannot_hold_is_left_out_of_it() -> None:
    text = verdict_report.junit(report(row(FAILED, centre=None, reason="a\x00b\x1b[31mc\ud800d\ne")))
    message = ElementTree.fromstring(text.encode()).find(".//error")
    assert message is not None
    assert "ab[31mcd" in message.attrib["message"]


# GitHub


def test_the_annotation_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    line = verdict_report.annotation(report(*(row(SLOWER, f"50%\nfaster{i}") for i in range(5)), code=1))
    assert line.startswith("::error title=rnn-vs-attn::ab, b against a: slower (5 slower")
    assert "\n" not in line
    assert "50%25%0Afaster0" in line
    assert "faster3" not in line
    assert verdict_report.annotation(report(code=3)).startswith("::warning ")
    assert verdict_report.annotation(report()).startswith("::notice ")


def test_files_and_the_job_summary_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = verdict_report.publish(report(row(SAME)), tmp_path / "a/b.md", tmp_path / "c.xml")
    assert lines == [verdict_report.annotation(report(row(SAME)))]
    assert (tmp_path / "a/b.md").read_text() == verdict_report.markdown(report(row(SAME)))
    assert summary.read_text().startswith("before\nab, b against a")
    assert ElementTree.parse(tmp_path / "c.xml")


def test_nothing_is_said_to_github_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert verdict_report.publish(report(row(SAME)), None, None) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/x.md \(--markdown\)"):
        verdict_report.publish(report(row(SAME)), tmp_path / "file" / "x.md", None)
