"""How a table fits a terminal: whole, or in parts that all have the columns that head a row, or as a list of its cells.

No number is cut or broken: names may be folded, sentences are broken between words, and where neither does a cell has a
line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from rnn_vs_attn.report.tables import Table

_NAME = 12  # characters of a line to which a name may be folded
_PROSE = 24  # and those that do for a column of sentences
_BORDER = 3  # what a column takes beside its text; the last border takes one more
_NUMBER = re.compile(r"[-+±~]?[\d.,]+%?|–|-")


@dataclass(frozen=True)
class SizedTable:
    """A table and the characters of each of its columns."""

    table: Table
    widths: list[int]


def parts(table: Table, width: int) -> list[SizedTable]:
    """The tables to show in lines of `width` characters; none where some column has no room beside those of a row's."""
    found = [SizedTable(part, _widths(part, width)) for part in _divided(table, width)]
    return found if all(_total(part.widths) <= width for part in found) else []


def width_of(table: Table) -> int:
    """Characters that a line of the whole table takes."""
    return _total([_whole(column) for column in table.columns])


def items(table: Table) -> list[tuple[str, list[str]]]:
    """Every row as what names it, and each other cell with its title."""
    found = []
    for row in table.rows:
        titled = [f"{title} {cell}" for title, cell in zip(table.header, row, strict=True)]
        found.append((", ".join(titled[: table.heads]), titled[table.heads :]))
    return found


def is_name(column: Sequence[str]) -> bool:
    """Whether a column, from its title downwards, holds words and not numbers alone."""
    return not all(_NUMBER.fullmatch(text) for text in column[1:])


def _divided(table: Table, width: int) -> list[Table]:
    """Tables that fit into `width`, each with the columns that head a row and some others; one other at least."""
    heads, others = table.columns[: table.heads], table.columns[table.heads :]
    found = [heads]
    for column in others:
        taken = [*found[-1], column]
        if len(found[-1]) > len(heads) and _total([_wanted(c, table) for c in taken]) > width:
            found.append([*heads, column])
        else:
            found[-1] = taken
    return [_from_columns(table, columns) for columns in found]


def _from_columns(table: Table, columns: Sequence[Sequence[str]]) -> Table:
    header, *rows = (list(line) for line in zip(*columns, strict=True))
    return replace(table, header=header, rows=rows)


def _widths(part: Table, width: int) -> list[int]:
    """The width of every column. Where the line is too short, names are folded, and then cells broken between words."""
    heads, others = part.columns[: part.heads], part.columns[part.heads :]
    wanted = [_wanted(column, part) for column in others]
    folded = _folded(heads, width - _total(wanted))
    spare = width - _total([*folded, *wanted])
    if spare < 0 and others:  # there is only one
        return [*folded, max(wanted[0] + spare, _unbroken(others[0], part))]
    for i, column in enumerate(others):
        if column[0] in part.prose:
            wanted[i] = min(_whole(column), wanted[i] + spare)
    return [*folded, *wanted]


def _unbroken(column: Sequence[str], part: Table) -> int:
    """The least width of a column: no word of its cells is broken, but for those of a sentence; its title may be."""
    title, *cells = column
    return max(min(_word([title]), _NAME), _NAME if title in part.prose else _word(cells))


def _folded(heads: Sequence[Sequence[str]], room: int) -> list[int]:
    """The widths of the columns that head a row, names folded as far as `room` asks for: first between their words."""
    widths = [_whole(column) for column in heads]
    names = [i for i, column in enumerate(heads) if is_name(column)]
    words = [max(_NAME, _word(column)) for column in heads]
    while sum(widths) + _BORDER * len(widths) > room:
        wide = [i for i in names if widths[i] > words[i]] or [i for i in names if widths[i] > _NAME]
        if not wide:
            break
        widths[max(wide, key=lambda i: widths[i])] -= 1
    return widths


def _total(widths: Sequence[int]) -> int:
    """Characters of a line of columns that are so wide."""
    return sum(widths) + _BORDER * len(widths) + 1


def _wanted(column: Sequence[str], part: Table) -> int:
    """The width of a column that is not folded: sentences are broken from _PROSE on."""
    return min(_whole(column), _PROSE) if column[0] in part.prose else _whole(column)


def _whole(column: Sequence[str]) -> int:
    """Characters of a terminal's line that the longest text takes; some letters take two."""
    return max(map(cell_len, column))


def _word(column: Sequence[str]) -> int:
    """The longest word: a number is one, and so are the ends of an interval."""
    return max(cell_len(word) for text in column for word in text.split() or [""])
