"""Terminals of any width, and what stands on them."""

from __future__ import annotations

import io
import re

from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal, print_table

MARKUP = "w.py:Llama: :llama: [bold]red[/bold] [link=http://x]y[/] [not a tag]"


class Screen(io.StringIO):
    """Where a terminal draws."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class OldScreen(Screen):
    encoding = "ascii"


def drawn(table: Table, width: int, screen: type[Screen] = Screen) -> list[str]:
    """The lines of a table on a terminal, without colours."""
    file = screen()
    print_table(table, Terminal(file=file, width=width))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).splitlines()
