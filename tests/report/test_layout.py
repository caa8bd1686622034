"""A table on a screen of any width: no number cut, no line too long."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from paths import REFERENCE, REFERENCE_RUNS
from rich.cells import cell_len
from screens import OldScreen, Screen, drawn

from rnn_vs_attn.compare import report, runs
from rnn_vs_attn.compare.runs import Rules
from rnn_vs_attn.history import report as history_report
from rnn_vs_attn.history.runs import Entry, History
from rnn_vs_attn.history.series import judged
from rnn_vs_attn.limits import Limits
from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report import layout
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run import output
from rnn_vs_attn.suites import SUITES


def tables_of(name: str) -> list[Table]:
    """What `--resume`, `compare` and `compare` of three runs show of a stored run."""
    run = read_run(REFERENCE / name)
    own: list[Table] = []
    for suite in (s for s in SUITES if s.name == run.suite):
        own = [*output.tables_of(suite, run.records, Limits(), 80), *output.summary_of(suite, run.records)]
    return [*own, compared(run), *over_time(run)]


def over_time(run: Run) -> list[Table]:
    """The tables of a run that was taken three times."""
    history = History([Entry(f"{day}", run, datetime(2026, 1, day, tzinfo=UTC), 0) for day in (1, 2, 9)], "date")
    found = judged(history, rules_of(run))
    return [history_report.table(history, found), history_report.short_table(history, found, found)]


def rules_of(run: Run) -> Rules:
    return Rules(0.03, runs.shared_axes([run]))


def compared(run: Run) -> Table:
    made = runs.report_of(run, run, ("a", "b"), rules_of(run), False, [])
    return report.table(made, made.ordered[:12])


def numbers(table: Table, screen: type[Screen]) -> Counter[str]:
    """Words with a digit in cells; names may be folded, and sentences broken."""
    out = Terminal(file=screen(), width=80)
    cells = [
        cell
        for row in table.rows
        for i, cell in enumerate(row)
        if (i >= table.heads or re.fullmatch(r"[\d.]+", cell)) and table.header[i] not in table.prose
    ]
    return Counter(w.rstrip(",") for cell in cells for w in out.safe(cell).split() if re.search(r"\d", w))


@pytest.mark.long
@pytest.mark.parametrize("name", REFERENCE_RUNS)
def test_no_number_is_cut_and_no_line_too_long(name: str) -> None:
    for table in tables_of(name):
        short = replace(table, rows=table.rows[:12])
        for width in (40, 60, 80, 100, 120, 160):
            for screen in (Screen, OldScreen) if width == 60 else (Screen,):
                lines = drawn(short, width, screen)
                assert max(map(cell_len, lines)) <= width
                seen = Counter(word.rstrip(",") for line in lines for word in re.findall(r"[^\s│|]+", line))
                assert numbers(short, screen) - seen == Counter()


MODELS = ["attention", "lstm", "package.module.of_somebody:AVeryLongNameOfAClassWithoutAnyBreak"]


def wide() -> Table:
    titles = [f"column {i}" for i in range(6)]
    rows = [[model, "1024", *(f"{i}{i}.{i} ±{i}.{i}%" for i in range(6))] for model in MODELS]
    return Table("c", ["model", "seq_len", *titles], rows, ["a note"], heads=2)


def test_every_part_of_a_table_has_the_columns_that_say_which_row_it_is() -> None:
    parts = layout.parts(wide(), 60)
    assert len(parts) > 1
    assert all(part.table.header[:2] == ["model", "seq_len"] for part in parts)
    assert [title for part in parts for title in part.table.header[2:]] == wide().header[2:]
    lines = drawn(wide(), 60)
    assert sum("model" in line for line in lines) == len(parts)
    assert [line for line in lines if line in ("c", "a note")] == ["c", "a note"]


def test_a_long_name_is_folded_and_not_shortened() -> None:
    text = "".join(re.findall(r"[\w.:]+", " ".join(re.findall(r"│ (\S+) +│", "\n".join(drawn(wide(), 60))))))
    assert MODELS[-1] in text


def test_where_no_column_has_room_each_cell_has_a_line() -> None:
    lines = drawn(wide(), 24)
    assert "  column 5 55.5 ±5.5%" in lines
    assert "model attention, seq_len" in lines[0]


@pytest.mark.long
def test_columns_left_out_are_named() -> None:
    (suite,) = (s for s in SUITES if s.name == "bench")
    records = read_run(REFERENCE / "full/bench").records
    *_, note = output.tables_of(suite, records, Limits(), columns=())[0].notes
    left_out = "forward ms, backward ms, forward MiB, tokens/s, FLOP/s, of peak, parameters, FLOPs (train), state KiB"
    assert note == f"more columns (--columns all): {left_out}"
    assert not any("more columns" in note for note in output.tables_of(suite, records, Limits())[0].notes)


@pytest.mark.long
@pytest.mark.parametrize("name", ["bench", "gradflow", "decode"])
def test_what_a_default_run_shows_fits_100_columns_without_being_divided(name: str) -> None:
    run = read_run(REFERENCE / "full" / name)
    (suite,) = (s for s in SUITES if s.name == run.suite)
    for table in output.tables_of(suite, run.records, Limits(), 100, ()):
        assert layout.width_of(table) <= 100
