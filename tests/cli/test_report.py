"""`report`: where its page goes, what it does not overwrite, and what is wrong in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from edited_runs import called
from paths import REFERENCE

from rnn_vs_attn.cli.report import check, place
from rnn_vs_attn.errors import UserError

GRADFLOW, DECODE = str(REFERENCE / "full/gradflow"), str(REFERENCE / "full/decode")


def said(*words: str) -> str:
    code, out, err = called("report", *words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    return err


def test_the_page_stands_in_the_folder_that_was_named_or_in_results() -> None:
    assert place([Path("results/a")]) == Path("results/a/report.html")
    assert place([Path("a"), Path("b")]) == Path("results/report.html")


def test_its_path_is_printed_and_a_page_of_ours_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "new" / "page.html"
    for _ in range(2):
        assert called("report", GRADFLOW, DECODE, "--output", str(target)) == (0, f"{target}\n", "")
    assert target.read_text().startswith("<!doctype html>")


def test_what_is_not_ours_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "thesis.html"
    target.write_text("<p>three years")
    why = said(GRADFLOW, "--output", str(target))
    assert "is no page of rnn-vs-attn; remove it, or name another" in why
    assert target.read_text() == "<p>three years"
    assert "is a folder" in said(GRADFLOW, "--output", str(tmp_path))


def test_markdown_takes_the_place_of_no_file_but_its_own(tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    target.write_text("# Mine")
    assert "is no page of rnn-vs-attn" in said(GRADFLOW, "--markdown", str(target))
    assert target.read_text() == "# Mine"
    assert "is a folder" in said(GRADFLOW, "--markdown", str(tmp_path))
    target.unlink()
    for _ in range(2):
        assert called("report", GRADFLOW, "--markdown", str(target))[0] == 0


def test_two_answers_do_not_share_standard_output(tmp_path: Path) -> None:
    assert "name a file with --markdown FILE" in said(GRADFLOW, "--json", "--markdown", "-")
    code, out, _ = called("report", GRADFLOW, "--json", "--markdown", str(tmp_path / "r.md"))
    assert code == 0
    json.loads(out)


def test_an_empty_file_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "empty.html").touch()
    check(tmp_path / "empty.html")
    check(tmp_path / "none.html")
    (tmp_path / "other.html").write_text("x")
    with pytest.raises(UserError):
        check(tmp_path / "other.html")


def test_markdown_goes_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    code, out, _ = called("report", GRADFLOW, "--markdown", "-")
    assert code == 0
    assert called("report", GRADFLOW, "--markdown", str(target)) == (0, f"{target}\n", "")
    assert target.read_text() == out
    assert list(tmp_path.iterdir()) == [target]
    assert "| lstm | 1.41 ±3.9% | 13 ±3.8% |" in out


def test_json_is_one_document_and_no_page(tmp_path: Path) -> None:
    code, out, _ = called("report", GRADFLOW, DECODE, "--json")
    assert code == 0
    assert [run["suite"] for run in json.loads(out)["runs"]] == ["gradflow", "decode"]
    assert not (REFERENCE / "full/gradflow/report.html").exists()
    assert "leave one of them out" in said(GRADFLOW, "--json", "--output", str(tmp_path / "x.html"))


def test_the_folder_of_a_lesson_has_its_ledger_first_in_every_form(tmp_path: Path) -> None:
    """`report lesson` put a page without the ledger in the place of the lesson's own."""
    lesson, target = str(REFERENCE / "lesson"), tmp_path / "page.html"
    assert called("report", lesson, "--output", str(target))[0] == 0
    page = target.read_text()
    assert "<title>The lesson on AMD EPYC" in page
    assert page.index("<h2>The lesson</h2>") < page.index("<h2>What was found</h2>")
    text = called("report", lesson, "--markdown", "-")[1]
    ledger = (REFERENCE / "lesson/ledger.md").read_text().strip("\n")
    assert text.split("\n\n## What was found\n")[0].endswith(f"\n\n## The lesson\n\n{ledger}")
    document = json.loads(called("report", lesson, "--json")[1])
    assert [claim["key"] for claim in document["lesson"]["claims"]][:1] == ["lesson-parallel"]
    assert "lesson" not in json.loads(called("report", f"{lesson}/bench", "--json")[1])


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    assert "holds no run; give run folders" in said(str(tmp_path / "nowhere"))
    assert "is a run of ab; its" in said(str(REFERENCE / "ab"))
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    assert "run.json is damaged" in said(str(damaged))


def test_what_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot write" in said(GRADFLOW, "--output", str(tmp_path / "file" / "page.html"))
