"""What a terminal shows of the stored runs of `scaling` and `variants`: it fits, and it is read at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from paths import REFERENCE
from rich.cells import cell_len
from screens import Screen

from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report import layout, plots
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import output
from rnn_vs_attn.run.stored import suite_of
from rnn_vs_attn.suites.suite import Suite

NAMES = ("full/scaling", "full/transformer-xl", "full/albert", "full/gpt")
EACH = pytest.mark.parametrize("name", NAMES)
TERMINAL = 100  # columns


def limits_of(run: Run) -> Limits:
    return Limits(precision=run.settings["limits"]["precision"])


def stored(name: str) -> tuple[Suite, Run]:
    run = checked_run(REFERENCE / name)
    return suite_of(run, REFERENCE / name), run


@pytest.mark.long
@EACH
def test_tables_fit_a_terminal_without_their_spare_columns(name: str) -> None:
    suite, run = stored(name)
    shown = output.answers(suite, run.records, Limits())
    assert shown
    assert max(map(layout.width_of, shown)) <= TERMINAL


@pytest.mark.long
@EACH
def test_no_finding_is_long_or_said_twice(name: str) -> None:
    suite, run = stored(name)
    found = output.found(suite, run)
    assert 6 < len(found) == len(set(found))
    assert max(map(len, found)) < 320


@pytest.mark.long
def test_the_lessons_eight_findings_of_scaling() -> None:
    """Its chain is 7 n + 1 operations of the LSTM's, 3 of attention's; the tests of derived values have the others."""
    found = output.found(*stored("full/scaling"))[:8]
    assert [sentence.split(". ")[0] for sentence in found] == [
        "A recurrence such as lstm cannot be computed in parallel over the sequence: holds",
        "A recurrence such as mingru cannot be computed in parallel over the sequence: does not hold here",
        "attention computes all positions of a sequence at once: holds",
        "lstm gains nothing from more threads: undecided",
        "attention gains from more threads: holds",
        "The time of attention grows as n²: does not hold here",
        "attention trains faster than lstm while n < d (fewer tokens than its width): holds",
        "In attention the path between distant tokens does not grow with their distance: holds",
    ]
    assert f"{7 * 2048 + 1:,} at n = 2048" in found[0]


@pytest.mark.long
@EACH
@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_line_of_a_terminal_is_whole(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, run = stored(name)
    screen = Screen()
    monkeypatch.setattr(output, "Terminal", lambda: Terminal(file=screen, width=width))
    output.show(suite, run, limits_of(run))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    lines = shown.splitlines()
    assert max(map(cell_len, lines)) <= width
    words = " ".join(shown.split())
    assert [sentence for sentence in output.found(suite, run)[:8] if " ".join(sentence.split()) not in words] == []
    if width >= TERMINAL:
        tables = output.answers(suite, run.records, limits_of(run))
        assert sum(line.startswith("┏") for line in lines) == len(tables)  # none in parts


@pytest.mark.long
@EACH
def test_what_is_written_is_what_the_folder_has(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, run = stored(name)
    monkeypatch.setattr(plots, "save", lambda *figures: None)
    folder = RunFolder.create(tmp_path / "run")
    output.write(suite, run, folder, limits_of(run))
    folder.close()
    assert (folder.path / "table.md").read_text() == (REFERENCE / name / "table.md").read_text()
