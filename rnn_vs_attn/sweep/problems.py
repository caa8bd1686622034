"""What is wrong with a sweep's file: all of it at once, each with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rnn_vs_attn.errors import OF_CODE, UserError
from rnn_vs_attn.sweep import lines
from rnn_vs_attn.units import counted

_MOST = 50  # that are shown at once
_NEAR = 0.7  # of a name: how alike it is to one that is known, at least
_CHARACTERS = 60  # of a value or a name that is none


@dataclass
class Problems:
    """Those found so far. where: the line of each key of the file."""

    file: Path
    where: dict[lines.Path, int]
    _found: dict[tuple[int, str], None] = field(default_factory=dict)

    def add(self, key: lines.Path, text: str) -> None:
        """One more, at the line of a key, or of the table it would stand in."""
        self._found[self.where[next(path for path in _upwards(key) if path in self.where)], text] = None

    def unknown(self, key: lines.Path, kind: str, given: str, allowed: Iterable[str]) -> None:
        """A name that is in no list, with the nearest one where one is near."""
        self.add(key, unknown(kind, given, allowed))

    def __len__(self) -> int:
        return len(self._found)

    def check(self) -> None:
        """UserError with all of them, where there are any."""
        if not self._found:
            return
        listed = [f"line {line}: {text}" for line, text in sorted(self._found)]
        more = len(listed) - _MOST
        listed[_MOST:] = [f"and {more} more"] if more > 0 else []
        has = f"{self.file} has {counted(len(self._found), 'fault')}; nothing was measured"
        raise UserError(OF_CODE.join([has, *(text.replace(OF_CODE, " ") for text in listed)]))


def _upwards(key: lines.Path) -> Iterator[lines.Path]:
    return (key[:length] for length in range(len(key), -1, -1))


def unknown(kind: str, given: str, allowed: Iterable[str]) -> str:
    """What is said of a name that is in no list."""
    names = list(allowed)
    near = nearest(given, names)
    hint = f"did you mean {near!r}?" if near else f"allowed: {', '.join(names)}"
    return f"unknown {kind} {shown(given)}; {hint}"


def nearest(given: str, names: Iterable[str]) -> str:
    """The one of these names that is most alike, "" where none is near."""
    known = list(names)
    near = difflib.get_close_matches(given.replace("-", "_"), known, n=1, cutoff=_NEAR)
    near = near or difflib.get_close_matches(given, known, n=1, cutoff=_NEAR)
    return near[0] if near else ""


def shown(value: object) -> str:
    """A value as Python writes it, and no more of it than a line can hold."""
    text = repr(value)
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 3]}..."
