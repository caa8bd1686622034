"""A table as LaTeX: booktabs, numbers to the right, notes below; every text is data and none a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rnn_vs_attn.report.layout import is_name
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.text.safe import one_line

PREAMBLE = "% needs \\usepackage{booktabs}; where a table is too wide, \\small or \\resizebox"
_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",  # \textquotedbl is no letter of LaTeX's own encoding
    "`": r"\textasciigrave{}",
    "–": "--",
    "…": r"\dots{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "µ": r"$\mu$",
    "÷": r"$\div$",
    "·": r"$\cdot$",
    "²": r"$^2$",
    **{letter: "\\" + letter for letter in "{}$&#%_"},
}
_ACTING = re.compile(rf"[{re.escape(''.join(_CHARACTERS))}]|-(?=-)")  # two dashes would be one longer


def latex(table: Table, label: str) -> str:
    """A table environment. label: what \\ref takes, letters, digits and dashes."""
    columns = table.columns
    words = [column[0] in table.prose or (i < table.heads and is_name(column)) for i, column in enumerate(columns)]
    sides = "".join("l" if i == 0 or of_words else "r" for i, of_words in enumerate(words))
    body = [_line(row) for row in table.rows]
    notes = [f"\\par {escaped(note)}" for note in table.notes]
    return "\n".join(
        [
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{escaped(table.caption)}}}",
            f"\\label{{tab:{label}}}",
            f"\\begin{{tabular}}{{{sides}}}",
            "\\toprule",
            _line(table.header),
            "\\midrule",
            *body,
            "\\bottomrule",
            "\\end{tabular}",
            *notes,
            "\\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """One line in which nothing is a command."""
    return _ACTING.sub(lambda found: _CHARACTERS.get(found[0], "-{}"), one_line(text))


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(_cell, cells)) + r" \\"


def _cell(text: str) -> str:
    """A cell; one that begins with a bracket would be the argument of the line's end before it."""
    found = escaped(text)
    return f"{{}}{found}" if found.startswith("[") else found
