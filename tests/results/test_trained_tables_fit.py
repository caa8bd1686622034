"""What is shown of the stored runs of `recall` and `lm` fits: tables into 100 columns, sentences into a glance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from paths import REFERENCE

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.report.layout import width_of
from rnn_vs_attn.run import output
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.suites.recall.suite import RECALL

SUITES = {suite.name: suite for suite in (RECALL, LM)}
HEADS = {file.parent: json.loads(file.read_text()) for file in sorted(REFERENCE.rglob("run.json"))}
FOLDERS = [folder for folder, head in HEADS.items() if head.get("suite") in SUITES]
EACH = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(REFERENCE)))


def test_there_are_such_runs() -> None:
    assert len(FOLDERS) == 25


@EACH
def test_tables_that_answer_are_at_most_100_columns_wide(folder: Path) -> None:
    run = read_run(folder)
    assert max(map(width_of, output.summary_of(SUITES[run.suite], run.records))) <= 100


@EACH
def test_every_run_finds_something_and_says_it_in_short_sentences(folder: Path) -> None:
    run = read_run(folder)
    found = output.found(SUITES[run.suite], run)
    assert found
    assert max(len(part) for sentence in found for part in sentence.split(". ")) <= 300
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", ["recall", "lm"])
def test_a_pipe_has_what_was_found_and_the_tables_that_answer_as_table_md_begins(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = REFERENCE / "full" / name
    run = read_run(folder)
    output.show(SUITES[name], run, Limits())
    shown = capsys.readouterr().out
    claims, _, tables = shown.rstrip().partition("\n\n")
    first = [line for line in claims.splitlines() if not line.startswith("- table.md has ")]
    whole = (folder / "table.md").read_text()
    assert len(first) == min(8, whole.partition("\n\n")[0].count("\n") + 1)
    assert whole.splitlines()[: len(first)] == first
    assert tables in whole
