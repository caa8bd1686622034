"""What a terminal shows: a console to which every text is data, and tables that fit it."""

from __future__ import annotations

import itertools
import sys
from typing import Any, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from rnn_vs_attn.report import layout
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.text.safe import one_line
from rnn_vs_attn.text.streams import in_letters_of


class Terminal(Console):
    """Shows every string letter for letter: no markup, no codes of emoji, nothing that moves the cursor.

    A terminal is what the system calls one; a pipe is none, whatever the environment's variables say.
    """

    def __init__(self, stderr: bool = False, file: TextIO | None = None, width: int | None = None) -> None:
        seen = (file or (sys.stderr if stderr else sys.stdout)).isatty()
        how = {"stderr": stderr, "file": file, "width": width, "force_terminal": seen}
        super().__init__(markup=False, emoji=False, highlight=False, **how)  # type: ignore[arg-type]

    def safe(self, text: str) -> str:
        """One line in letters that this terminal has."""
        return _safe(text, self)

    def render_str(self, text: str, *, style: Any = "", justify: Any = None, overflow: Any = None, **_: Any) -> Text:
        return Text(self.safe(text), style=style, justify=justify, overflow=overflow)


def _safe(text: str, out: Console) -> str:
    return in_letters_of(out.encoding, one_line(text))


def print_table(table: Table, out: Console) -> None:
    """A table that fits the terminal, Markdown elsewhere."""
    if not out.is_terminal:
        out.file.write(table.markdown() + "\n")
        return
    shown = _as_seen(table, out)
    parts = layout.parts(shown, out.width) if shown.rows else []
    for part in parts:
        out.print(_drawn(part))
    for name, cells in [] if parts else layout.items(shown):
        out.print(Text(name, style="bold"))
        for cell in cells:
            out.print(Padding(Text(cell), (0, 0, 0, 2), expand=False))
    for line in filter(None, (shown.caption, *shown.notes)):
        out.print(Text(line, style="table.caption" if line is shown.caption else ""))


def _as_seen(table: Table, out: Console) -> Table:
    """The table as the terminal shows it, so that it is measured as that."""
    return Table(
        _safe(table.caption, out),
        [_safe(title, out) for title in table.header],
        [[_safe(cell, out) for cell in row] for row in table.rows],
        [_safe(note, out) for note in table.notes],
        table.grouped,
        table.heads,
        tuple(_safe(title, out) for title in table.prose),
    )


def _drawn(part: layout.SizedTable) -> RichTable:
    made, table = RichTable(header_style="bold"), part.table
    for i, (column, width) in enumerate(zip(table.columns, part.widths, strict=True)):
        left = i == 0 or column[0] in table.prose or (i < table.heads and layout.is_name(column))
        made.add_column(Text(column[0]), justify="left" if left else "right", width=width, overflow="fold")
    alike = [next_one[1:2] == row[1:2] for row, next_one in itertools.pairwise(table.rows)]
    for row, goes_on in zip(table.rows, [*alike, False], strict=True):
        made.add_row(*map(Text, row), end_section=table.grouped and any(alike) and not goes_on)
    return made
