"""Where the keys of a TOML file stand. tomllib says what they mean and not where; this asks it line by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]  # of a key, from the top; a number for one of an array of tables

_DEEPEST = 100  # names in a path; what a program makes of tables within tables goes as deep as they do

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?""""{0,2}    # strings, of which those over lines may end in quotes of their own
    | \'\'\'.*?\'\'\'\'{0,2}
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    | \#[^\n]*                         # a comment
    | [\[\]{}\n]''',
    re.VERBOSE | re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """The line of each key of a text that is TOML, those of tables among them; of a repeated table the first one.

    RecursionError where tables are nested more deeply than any that means something.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for line, statement in _statements(text):
        meaning = tomllib.loads(statement)
        if statement.startswith("["):
            table = _opened(meaning, statement.startswith("[["), counts)
            _put(found, table, line)
            continue
        for path in _paths(meaning, table):
            _put(found, path, line)
    return found


def _put(found: dict[Path, int], path: Path, line: int) -> None:
    """The line of a key, and of tables that are only named on the way to it."""
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], line)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each header, and each key with its value, with the line that it begins on."""
    depth, start = 0, 0
    line, begun = 1, 1
    for token in _TOKEN.finditer(text + "\n"):
        kind = token[0]
        if kind in ("[", "{"):
            depth += 1
        elif kind in ("]", "}"):
            depth -= 1
        line += kind.count("\n")
        if kind == "\n" and depth == 0:
            statement = text[start : token.start()].strip(" \t\r")
            if statement and not statement.startswith("#"):
                yield begun, statement
            start, begun = token.end(), line


def _opened(meaning: Mapping[str, Any], is_array: bool, counts: dict[Path, int]) -> Path:
    """The path of the table that a header opens. counts: of the arrays of tables so far."""
    path: Path = ()
    inner: Any = meaning
    while isinstance(inner, Mapping) and inner:
        (name,) = inner
        path, inner = _below(path, name), inner[name]
        is_last = isinstance(inner, list) or not inner
        if is_last and is_array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _paths(meaning: Mapping[str, Any], table: Path) -> Iterator[Path]:
    """The paths of all keys within a table."""
    for name, value in meaning.items():
        path = _below(table, name)
        yield path
        if isinstance(value, Mapping):
            yield from _paths(value, path)


def _below(table: Path, name: str) -> Path:
    if len(table) >= _DEEPEST:
        raise RecursionError
    return (*table, name)
