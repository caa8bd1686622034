"""The ledger on the page of the lesson's runs."""

from __future__ import annotations

from pathlib import Path

from rnn_vs_attn.lesson.ledger import Ledger
from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.lesson.page import blocks, document, stored, with_ledger
from rnn_vs_attn.records.claims import HOLDS, UNDECIDED, Claim
from rnn_vs_attn.report.page import Page, Section, render


def test_the_ledger_stands_first_and_hostile_words_are_shown_and_not_run() -> None:
    claims = [Claim("a", "A <b>claim</b>", HOLDS, "1.5 [1.2, 1.7]"), Claim("b", "Another", UNDECIDED, "", "no time")]
    ledger = Ledger(LINES[:2], claims)
    before = Page("Recurrence and attention on a machine", ["of the runs", "when"], [Section("What was found")])
    page = with_ledger(before, ledger)
    assert page.title == "The lesson on a machine"
    assert page.lead == [*ledger.headline, "when"]
    assert [section.heading for section in page.sections] == ["The lesson", "What was found"]
    assert page.sections[0].tables[0].rows == [
        ["1 A <b>claim</b>", "✓ holds", "1.5 [1.2, 1.7]", "–"],
        ["2 Another", "? undecided", "not measured", "no time"],
    ]
    assert page.sections[0].parts[0].sentences == [f"1: {LINES[0].in_full}", f"2: {LINES[1].in_full}"]
    text = render(page)
    assert "1 A &lt;b&gt;claim&lt;/b&gt;" in text
    assert "<b>claim" not in text


def test_runs_without_a_lesson_have_no_ledger(tmp_path: Path) -> None:
    page = Page("Recurrence and attention on a machine", [], [])
    assert stored([tmp_path]) is None
    assert with_ledger(page, None) is page
    assert blocks(None) == []
    assert document(None, tmp_path) == {}


def test_the_ledger_is_that_of_one_folder_with_what_could_not_be_read_undecided(tmp_path: Path) -> None:
    (tmp_path / "lesson.json").touch()
    found = stored([tmp_path])
    assert found is not None
    assert {claim.verdict for claim in found.claims} == {UNDECIDED}
    assert len(document(found, tmp_path)["lesson"]["claims"]) == len(LINES)
    assert blocks(found) == ["## The lesson", found.markdown().strip("\n")]
    assert stored([tmp_path, tmp_path]) is None
