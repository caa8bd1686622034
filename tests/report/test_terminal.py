"""What a terminal shows: every text letter for letter, every number whole, however narrow it is."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from screens import MARKUP, OldScreen, Screen, drawn

from rnn_vs_attn.report import layout
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal, print_table

# Texts


def shown(text: str, screen: type[Screen] = Screen) -> str:
    file = screen()
    Terminal(file=file, width=200).print(text)
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).rstrip("\n")


def test_codes_of_emoji_and_markup_are_letters() -> None:
    assert shown(MARKUP) == MARKUP


def test_every_text_of_a_table_is_letters() -> None:
    table = Table(MARKUP, [MARKUP, "n"], [[MARKUP, "1"]], [MARKUP])
    assert sum(MARKUP in line for line in drawn(table, 300)) == 4


def test_a_line_break_in_a_name_is_no_line_and_a_colour_no_colour() -> None:
    assert shown("a\n::error::b\x1b[31m\r") == r"a\n::error::b\x1b[31m\r"
    assert len(drawn(Table("", ["model", "n"], [["a\nb\x1b[2J", "1"]], []), 80)) == 5


def test_a_terminal_of_few_letters_has_borders_and_signs_of_its_own() -> None:
    lines = drawn(Table("", ["model", "a ÷ b"], [["größe", "1.0 ±2%"], ["–", "µ"]], []), 80, OldScreen)
    assert "".join(lines).isascii()
    assert re.fullmatch(r"\| gr\\xf6\\xdfe \| 1.0 \+/-2% \|", lines[3])


def test_a_pipe_is_no_terminal_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    print_table(Table("c", ["model", "n"], [["a", "1"]], []), Terminal(file=file, width=80))
    assert file.getvalue() == "c\n\n| model | n |\n| --- | --- |\n| a | 1 |\n\n"


# Widths


def test_letters_that_take_two_columns_are_measured_as_that() -> None:
    table = Table("", ["model", "n"], [["模型" * 10, "1.5 ±2%"]], [])
    assert layout.width_of(table) == 40 + 7 + 3 * 2 + 1
    assert max(map(cell_len, drawn(table, 40))) <= 40


def test_lines_stand_between_groups_and_not_between_rows_that_are_none() -> None:
    groups = Table("", ["model", "seq_len"], [["a", "1"], ["b", "1"], ["a", "2"]], [])
    assert sum(line.startswith("├") for line in drawn(groups, 80)) == 1
    none = Table("", ["method", "seq_len"], [["a", "1"], ["a", "2"], ["b", "1"]], [])
    assert sum(line.startswith("├") for line in drawn(none, 80)) == 0
