"""What a run shows: what was found first, then a table that fits, and where all else is."""

from __future__ import annotations

import io
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from paths import REFERENCE, TESTS
from planted_bench import memory, planted, times
from rich.cells import cell_len
from screens import MARKUP, Screen

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.checks import problem_of
from rnn_vs_attn.records.claims import HOLDS, VERDICTS, Claim
from rnn_vs_attn.records.folder import RunFolder, read_run
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.run import output
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.bench.analysis import derive
from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.suite import Analysis, Suite


def run_of(records: list[Record]) -> Run:
    """A run as it is stored: what was measured, and what was read out of it."""
    return Run("bench", [], {}, {}, "2026-01-01", None, "complete", [*records, *derive(records)])


RUN = run_of([*times(planted(200)), *memory(1.0)])
MANY = replace(
    BENCH, analysis=Analysis(claims=lambda records: [Claim(str(n), f"{MARKUP} {n}", HOLDS, "so") for n in range(11)])
)


def shown(
    monkeypatch: pytest.MonkeyPatch,
    suite: Suite,
    screen: io.StringIO,
    width: int = 100,
    run: Run = RUN,
    columns: Sequence[str] = (),
) -> str:
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    output.show(suite, run, Limits(), columns)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())


def test_what_was_found_is_a_sentence_a_claim_of_any_stored_run() -> None:
    found = output.found(BENCH, RUN)
    assert [sentence.split(":")[0] for sentence in found] == [
        "Attention trains faster than lstm",
        "Attention's time grows faster with length than that of a recurrence",
        "The memory of attention grows with the square of the length",
    ]


def test_a_pipe_has_findings_then_a_table_of_the_main_columns_as_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, BENCH, io.StringIO())
    first, _, header = text.partition("\n\n")
    assert [line[:2] for line in first.splitlines()] == ["- ", "- ", "- "]
    assert "| model | seq_len | train ms | train ÷ attention | train MiB |" in header
    assert "- more columns (--columns all): " in header


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_terminal_has_the_same_and_no_line_is_longer_than_it(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = shown(monkeypatch, BENCH, Screen(), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    heads = [line for line in lines[:12] if line.startswith("- ")]
    assert len(heads) == 3
    assert all(line.startswith("  ") for line in lines[:6] if line.strip() and line not in heads)
    assert sum("┃ model" in line for line in lines) == 1  # in one piece


@pytest.mark.parametrize("width", ["pipe", "80", "100", "160"])
def test_the_whole_output(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """Letter for letter as it was when somebody looked at it and found it good."""
    run = run_of(times(planted(200), lengths=[64, 1024]))
    screen, columns = (io.StringIO(), 100) if width == "pipe" else (Screen(), int(width))
    text = shown(monkeypatch, BENCH, screen, columns, run)
    expected = (TESTS / "data" / "shown" / f"bench-{width}.txt").read_text().splitlines()
    assert [line.rstrip() for line in text.rstrip().splitlines()] == expected


def test_eight_sentences_are_shown_at_once_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for screen in (io.StringIO(), Screen()):
        text = shown(monkeypatch, MANY, screen, 160)
        assert f"{'7'}: holds. so." in text
        assert "8: holds. so." not in text
        assert "table.md has 3 more of these." in text


def test_a_sentence_is_shown_letter_for_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{MARKUP} 0: holds. so." in shown(monkeypatch, MANY, Screen(), 160)


def test_columns_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, BENCH, io.StringIO(), columns=("train MiB", "train_time"))
    assert "| model | seq_len | train MiB | train ms |" in text
    assert "more columns" not in text


def test_table_md_has_every_claim_all_columns_and_all_remarks(tmp_path: Any) -> None:
    folder = RunFolder.create(tmp_path / "run")
    output.write(MANY, RUN, folder, Limits())
    output.write(replace(MANY, view=BENCH.view), RUN, folder, Limits())
    folder.close()
    text = (tmp_path / "run" / "table.md").read_text()
    assert text.count(": holds. so.") == 11
    assert text.index(": holds. so.") < text.index("| model |")
    assert "more columns" not in text


def test_a_document_has_what_was_found_and_its_records(tmp_path: Any) -> None:
    stored = replace(RUN, records=[*RUN.records, *(claim.record("bench") for claim in MANY.analysis.claims([]))])
    document = output.document(BENCH, stored, tmp_path)
    assert document["found"] == output.found(BENCH, RUN)
    assert sum(record["metric"] == "verdict" for record in document["records"]) == 11


def test_a_run_stores_a_verdict_of_each_claim_that_it_shows() -> None:
    made = [r for r in BENCH.analysis.stored([*times(planted(200)), *memory(1.0)]) if r.metric == "verdict"]
    assert [r.details["claim"] for r in made] == [sentence.split(":")[0] for sentence in output.found(BENCH, RUN)]


GPU = [f"gpu-h100/{name}" for name in ("bench", "decode", "gradflow")]
OURS = ["full/bench", "history/00", "full/decode", "full/gradflow", "gradflow-trained", *GPU]


@pytest.mark.long
@pytest.mark.parametrize("name", OURS)
def test_claims_of_a_stored_run_are_told_apart_and_each_is_read_at_once(name: str) -> None:
    run = read_run(REFERENCE / name)
    (suite,) = (s for s in SUITES if s.name == run.suite)
    claims = suite.analysis.claims([*run.records, *suite.analysis.expand(run.records)])
    records = [claim.record(run.suite) for claim in claims]
    assert records
    assert len({record.key for record in records}) == len(records)
    assert [problem_of(record) for record in records] == [""] * len(records)
    assert max(len(claim.sentence) for claim in claims) <= 300


@pytest.mark.long
@pytest.mark.parametrize("name", OURS)
def test_records_that_are_lacking_cost_claims_and_nothing_else(name: str) -> None:
    run, chance = read_run(REFERENCE / name), random.Random(4)
    (suite,) = (s for s in SUITES if s.name == run.suite)
    for share in (0.1, 0.5, 0.9, 0.99) * 5:
        records = [record for record in run.records if chance.random() < share]
        for claim in suite.analysis.claims([*records, *suite.analysis.expand(records)]):
            assert claim.verdict in VERDICTS
        suite.analysis.remarks(records)
