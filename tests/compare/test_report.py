"""Verdicts as people and other programs read them."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command import run
from paths import REFERENCE
from planted_runs import record, stored, values
from verdict_rows import report, row

from rnn_vs_attn.compare.publishing import annotation, junit
from rnn_vs_attn.compare.report import Report, document, table
from rnn_vs_attn.compare.summary import markdown
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
)

GRADFLOW = REFERENCE / "full/gradflow"


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
    assert report(row(SLOWER), row(UNSURE), code=1).headline == "ab, b against a: 1 slower, 0 faster, 1 unsure"


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_counted(verdict: str) -> None:
    counts = report(row(verdict), row(verdict)).counts
    assert f"2 {verdict}" in counts
    assert {SLOWER, FASTER} <= set(counts.replace(",", "").split())
    assert "0 same" not in counts


def test_a_row_has_ratio_interval_stage_and_what_it_could_see() -> None:
    found = row(SLOWER, centre=1.25, baseline=0.010, candidate=0.0125, stage=2, values=20, detectable=0.05)
    shown = table(report(found), [found])
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
    }


def test_what_could_have_been_seen_stands_where_nothing_was_found() -> None:
    rows = [row(verdict, detectable=0.05) for verdict in (SAME, UNSURE, FASTER, SLOWER)]
    shown = table(report(*rows), rows)
    assert [line[shown.header.index("could see")] for line in shown.rows] == ["+5.0%", "+5.0%", "–", "–"]


def test_a_difference_is_shown_with_its_sign() -> None:
    found = row(SLOWER, centre=-0.2, low=-0.3, high=-0.1, scale="difference", unit="1", better="higher")
    assert "-0.2 [-0.3, -0.1]" in table(report(found), [found]).rows[0]


def test_markdown_has_fifty_rows_and_a_count_of_the_rest() -> None:
    text = markdown(report(*(row(SAME, f"m{i}") for i in range(60)), row(SLOWER, "m60")))
    assert text.count("\n| m") == 1 + 50 + 2  # and the headers
    assert text.index("m60") < text.index("m0 ")
    assert "and 10 more rows: 10 same" in text


def test_where_all_are_asked_for_none_is_left_out() -> None:
    text = markdown(report(*(row(UNSURE, f"m{i}") for i in range(70))), most=None)
    assert text.count("\n| m") == 70 + 1
    assert "more rows" not in text


def test_fifty_rows_are_all_shown() -> None:
    text = markdown(report(*(row(UNSURE, f"m{i}") for i in range(50))))
    assert text.count("\n| m") == 50 + 1
    assert "more rows" not in text


def test_a_report_of_many_long_reasons_fits_into_a_comment() -> None:
    text = markdown(report(*(row(FAILED, f"m{i}", reason="x" * 2000) for i in range(1000))))
    assert len(text) < 1 << 16
    assert "and 975 more rows: 975 failed" in text


def test_a_pipe_in_a_reason_does_not_break_the_table() -> None:
    assert "a \\| b" in markdown(report(row(FAILED, centre=None, reason="a | b")))


def test_every_line_of_the_table_has_as_many_cells() -> None:
    found = [row(v, f"a|b.py:{v}", reason=f"{v} | {v}") for v in VERDICTS]
    lines = [line for line in markdown(report(*found)).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert len(lines) == 2 * 2 + len(VERDICTS)


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
    assert done.stderr.startswith("::notice title=rnn-vs-attn::No change for the worse of more than")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "summary.md").read_text().startswith("**No change for the worse of more than")


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
