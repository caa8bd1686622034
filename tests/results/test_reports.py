"""The reports beside stored runs are what this version makes of them."""

from __future__ import annotations

import json

import pytest
from edited_runs import called
from paths import REFERENCE, ROOT

from rnn_vs_attn.lesson.page import stored


@pytest.mark.parametrize("folder", ["lesson", "full"])
def test_the_stored_report_is_that_of_its_runs(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, text, _ = called("report", f"results/reference/{folder}", "--markdown", "-")
    assert (code, text) == (0, (REFERENCE / folder / "report.md").read_text())


def test_the_stored_ledger_is_that_of_its_runs() -> None:
    folder = REFERENCE / "lesson"
    ledger = stored([folder])
    assert ledger is not None
    assert ledger.markdown() == (folder / "ledger.md").read_text()
    document = json.loads((folder / "ledger.json").read_text())
    assert ledger.document(folder.relative_to(ROOT)) == document
