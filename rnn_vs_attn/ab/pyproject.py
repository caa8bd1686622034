"""The table [tool.rnn-vs-attn.ab] of the repository's pyproject.toml: options, own margins, accepted slowdowns.

It is read from the working copy, whichever versions are compared: what counts as a slowdown today is what the user has
before him, and an acceptance in the very change that needs it holds for it. It is data: shown, and never run, but for
--setup, which runs the repository's code as everything here does.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rnn_vs_attn.ab import acceptance, schema
from rnn_vs_attn.ab.checkouts import Repository
from rnn_vs_attn.ab.options import AbOptions
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Acceptance, OwnMargin
from rnn_vs_attn.run.cases import AxisValues, Words
from rnn_vs_attn.units import now

FILE = "pyproject.toml"
_LARGEST = 1 << 20  # bytes; nobody writes as much by hand


@dataclass(frozen=True)
class Settings:
    """What the table holds: words of axes and values of options by the names of their fields, and limits of cases."""

    words: Words = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    margins: tuple[OwnMargin, ...] = ()
    accepted: tuple[Acceptance, ...] = ()


def with_file(words: Words, options: AbOptions, typed: Sequence[str]) -> tuple[Words, AbOptions]:
    """The words of axes and the options, with those of the file where none were typed; as they are where versions are
    not named by git references, or where a bisect checks out another file at each step.
    """
    ways = options.aa, options.baseline_python, options.candidate_python
    if not options.baseline or any(ways) or options.bisect:
        return words, options
    found = read(Repository(Path.cwd()).root / FILE, date.fromisoformat(now()[:10]))
    hidden = {"model"} if "pattern" in typed else set[str]()
    own = {name: value for name, value in found.words.items() if name not in {*typed, *hidden}}
    values = {name: value for name, value in found.options.items() if name not in typed}
    limits: dict[str, Any] = {"margins": found.margins, "accepted": found.accepted}
    named = [*own, *values, *(name for name, entries in limits.items() if entries)]
    keys = ", ".join(map(schema.key_of, named))
    said = [f"from {FILE}, which the command to repeat it reads again: {keys}"] if named else []
    said += _unnamed(found, {**words, **own})
    return {**words, **own}, dataclasses.replace(options, **values, **limits, said=tuple(said))


def read(file: Path, today: date) -> Settings:
    """What the table holds, nothing where there is none. UserError that names all that cannot be used."""
    content = _table(file)
    made = schema.checked(content, FILE)
    return Settings(made.words, made.options, made.margins, tuple(entry.on(today) for entry in made.accepted))


def _table(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():
            return {}
        if file.stat().st_size > _LARGEST:
            raise UserError(f"cannot read {file}: it is larger than {_LARGEST >> 20} MiB")
        content: Any = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML
        raise UserError(f"{file} is no TOML file: {error}") from None
    for name in schema.PATH:
        content = content.get(name, {})
        if not isinstance(content, dict):
            raise UserError(f"{FILE}: {name} is no table; write {schema.TITLE}")
    return dict(content)


def _unnamed(found: Settings, words: Words) -> list[str]:
    """Of each limit the first value that no case has, neither of this call nor of the file, where the file lists some.

    What the file does not list may be measured by another call.
    """
    listed = {name: _values(name, found.words[name]) | _values(name, words[name]) for name in found.words}
    told = []
    entries: list[OwnMargin | Acceptance] = [*found.margins, *found.accepted]
    for entry in entries:
        for name, values in entry.of.items():
            lacking = [value for value in values if value not in listed.get(name, values)]
            if lacking:
                kind = "margin" if isinstance(entry, OwnMargin) else "accepted slowdown"
                told.append(
                    f"the {kind} of {acceptance.described(entry.of)} is for {schema.key_of(name)} {lacking[0]!s}, "
                    f"which neither this call nor {FILE} names"
                )
                break
    return told


def _values(name: str, words: Sequence[str] | bool) -> set[Any]:
    axes: AxisValues = schema.axis_values(name, words)
    return set(axes[name])
