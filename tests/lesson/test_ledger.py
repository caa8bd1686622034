"""The ledger as it is read: on terminals of several widths, in a pipe, as a page and by programs."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from planted_lesson import readings
from screens import MARKUP, Screen, drawn

from rnn_vs_attn.lesson.ledger import Ledger
from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.lesson.readings import Readings
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED
from rnn_vs_attn.report.terminal import Terminal, print_table

WHOLE = Ledger.of(LINES, readings())
EMPTY = Ledger.of(LINES, Readings({}, {}))


def test_the_headline_counts_and_names_what_surprises() -> None:
    assert WHOLE.headline[:2] == [
        "12 of the lesson's 16 claims hold on this machine.",
        "4 do not hold here, and 0 are undecided.",
    ]
    assert WHOLE.headline[2].startswith('What may surprise: "Attention trains faster than an LSTM" does not; torch')
    assert EMPTY.headline == [
        "0 of the lesson's 16 claims hold on this machine.",
        "0 do not hold here, and 16 are undecided.",
    ]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_terminal_shows_every_line_with_its_verdict_in_one_table(width: int) -> None:
    lines = drawn(WHOLE.table, width)
    assert max(map(len, lines)) <= width
    cells = [[cell.strip() for cell in line.split("│")[1:3]] for line in lines if line.startswith("│")]
    verdicts = [verdict for number, verdict in cells if number]
    assert [number for number, _ in cells if number] == [str(n) for n in range(1, 17)]
    assert (verdicts.count(HOLDS), verdicts.count(FAILS)) == (12, 4)


def test_a_pipe_is_given_markdown() -> None:
    file = io.StringIO()
    print_table(EMPTY.table, Terminal(file=file))
    assert "| 1 | undecided | A Transformer computes all tokens at once, an RNN cannot: not measured yet |" in (
        file.getvalue()
    )


def test_reasons_are_of_what_does_not_hold_and_of_what_is_undecided() -> None:
    assert [text.split(":")[0] for text in WHOLE.reasons] == [f"{n} {FAILS}" for n in (3, 4, 10, 15)]
    assert EMPTY.reasons == []  # the table has them, as there is no figure


def test_commands_stand_once_with_all_lines_that_they_measure() -> None:
    assert "12, 13: rnn-vs-attn variants transformer-xl" in WHOLE.commands
    numbers = [n for text in WHOLE.commands for n in text.split(":")[0].split(", ")]
    assert sorted(map(int, numbers)) == list(range(1, 17))


def test_a_document_has_each_claim_with_its_command_and_its_run() -> None:
    document = WHOLE.document(Path("results/one"))
    assert document["verdicts"] == {HOLDS: 12, FAILS: 4, UNDECIDED: 0}
    first = document["claims"][0]
    assert first["key"] == "lesson-parallel"
    assert (first["verdict"], first["run"]) == (HOLDS, "results/one/scaling")
    assert first["command"] == "rnn-vs-attn scaling --model attention,lstm"
    assert set(first) == {"key", "claim", "verdict", "figure", "why", "command", "run"}


def test_markup_in_a_reason_is_shown_and_not_run() -> None:
    claims = [dataclasses.replace(claim, figure=MARKUP, why=MARKUP) for claim in WHOLE.claims]
    page = Ledger(LINES, claims).markdown()
    assert r"\[link=http" in page or "[link=http" in page
    file = Screen()
    print_table(Ledger(LINES, claims).table, Terminal(file=file, width=160))
    assert MARKUP.split()[0] in file.getvalue()


def test_a_page_has_the_headline_the_table_the_reasons_and_the_commands() -> None:
    page = WHOLE.markdown()
    assert page.startswith("12 of the lesson's 16 claims hold")
    assert page.index("| 16 |") < page.index("Each line in full:")
