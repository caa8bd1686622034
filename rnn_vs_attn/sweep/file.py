"""A sweep's file: its parts, each a suite's command with its options, or all that is wrong with it."""

from __future__ import annotations

import hashlib
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import MOST
from rnn_vs_attn.run.asked import Asked
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.sweep import lines
from rnn_vs_attn.sweep.checks import checked
from rnn_vs_attn.sweep.keys import Keys
from rnn_vs_attn.sweep.problems import Problems, nearest, shown

_LARGEST = 1 << 20  # bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OF_THE_FOLDER = ("sweep.toml", "sweep.json", "summary.md", "report.html")  # beside the folders of parts
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_AT_TOP = ("name", "max_seconds", "shared", "part")
_AN_EXAMPLE = 'write [part.bench], or [part.NAME] with suite = "bench"'


@dataclass(frozen=True)
class SweepPart:
    """One run of a sweep. own_seconds: the max_seconds that its file gives it, None where it gives none."""

    name: str
    asked: Asked
    own_seconds: float | None = None


@dataclass(frozen=True)
class Sweep:
    """What a file asks for. max_seconds: of all parts together, None where each has its own."""

    name: str
    content: bytes
    parts: tuple[SweepPart, ...]
    max_seconds: float | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def anonymous(self) -> Sweep:
        """The same, each part of it anonymous, whatever the file says. UserError where a part's models forbid it."""
        return replace(self, parts=tuple(replace(part, asked=part.asked.anonymous()) for part in self.parts))

    @property
    def is_anonymous(self) -> bool:
        """Whether all of its parts are."""
        return all(part.asked.options.anonymous for part in self.parts)


def read(file: Path, elsewhere: bool = False) -> Sweep:
    """The sweep in a file. elsewhere: whether it is measured on other machines, which may have more processors.

    UserError names all that is wrong with it.
    """
    content = content_of(file)
    document, where = _parsed(file, content)
    problems = Problems(file, {(): 1, **where})
    for key in document:
        if key not in _AT_TOP:
            problems.unknown((key,), "key", key, _AT_TOP)
    name = _name(document, file, problems)
    max_seconds = _max_seconds(document, problems)
    parts = _parts(document, problems, elsewhere)
    problems.check()
    return Sweep(name, content, tuple(parts), max_seconds)


def content_of(file: Path) -> bytes:
    """What is in it. UserError where it is none that can be a sweep's."""
    try:
        facts = file.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise UserError(f"{file} is a folder; give a sweep's file (TOML), or --resume {file}")
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
            raise UserError(f"cannot read {file}: it is no file, or larger than {_LARGEST >> 20} MiB; give a sweep's")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot read {file}: {reason}; give a sweep's file (TOML)") from None


def _parsed(file: Path, content: bytes) -> tuple[dict[str, Any], dict[lines.Path, int]]:
    """Its tables, and the lines of their keys. UserError where it is no TOML."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}, line {line} is not UTF-8, which TOML is; save it as that") from None
    try:
        return tomllib.loads(text), lines.lines_of(text)
    except RecursionError:
        raise UserError(f"{file} is not TOML that can be read: its lists or tables are nested too deeply") from None
    except ValueError as error:
        raise UserError(f"{file} is not TOML: {error}") from None


# The keys at its top


def _name(document: Mapping[str, Any], file: Path, problems: Problems) -> str:
    """What its folder is called by: as it says, or like the file, as far as a folder can be."""
    own = _OTHER.sub("-", file.stem).strip(".-_")[:64] or "sweep"
    name = document.get("name", own)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        way = "use letters, digits, dots, dashes and underscores, 64 at most"
        problems.add(("name",), f"name {shown(name)} is none for a folder; {way}")
        return ""
    return name


def _max_seconds(document: Mapping[str, Any], problems: Problems) -> float | None:
    value = document.get("max_seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        what = f"is no number of seconds from 0 to {MOST:,.0f}"
        problems.add(("max_seconds",), f"max_seconds {shown(value)} {what}")
        return None
    return float(value)


def _table(document: Mapping[str, Any], name: str, problems: Problems) -> Mapping[str, Any]:
    value = document.get(name, {})
    if isinstance(value, Mapping):
        return value
    problems.add((name,), f"{name} is no table; write [{name}]" if name == "shared" else f"{name}: {_AN_EXAMPLE}")
    return {}


# Its parts


def _parts(document: Mapping[str, Any], problems: Problems, elsewhere: bool) -> list[SweepPart]:
    shared, tables = _table(document, "shared", problems), _table(document, "part", problems)
    if not tables and isinstance(document.get("part", {}), Mapping):
        problems.add((), f"there is no part; {_AN_EXAMPLE}")
    _check_names(tables, problems)
    found = {name: _suite(name, table, problems) for name, table in tables.items()}
    suites = [suite for suite in found.values() if suite is not None]
    _check_shared(shared, suites, problems)
    parts = []
    for name, suite in found.items():
        if suite is not None:
            own = {key: value for key, value in tables[name].items() if key != "suite"}
            asked = checked(Keys.of(suite), name, shared, own, problems, elsewhere)
            if asked is not None:
                parts.append(SweepPart(name, asked, _own_seconds({**shared, **own})))
    return parts


def _own_seconds(given: Mapping[str, Any]) -> float | None:
    return float(given["max_seconds"]) if "max_seconds" in given else None


def _suite(name: str, table: Any, problems: Problems) -> Suite | None:
    """The suite of a part: the one that it names, or that is called like it."""
    if not isinstance(table, Mapping):
        problems.add(("part", name), f"part {shown(name)} is no table; {_AN_EXAMPLE}")
        return None
    known = {suite.name: suite for suite in SUITES}
    given = table.get("suite", name)
    if isinstance(given, str) and given in known:
        return known[given]
    if "suite" not in table:
        _says_no_suite(name, table, known, problems)
    elif isinstance(given, str):
        problems.unknown(("part", name, "suite"), "suite", given, known)
    else:
        problems.add(("part", name, "suite"), f"suite {shown(given)} is no text; one of {', '.join(known)}")
    return None


def _says_no_suite(name: str, table: Mapping[str, Any], known: Iterable[str], problems: Problems) -> None:
    """Say so, with the key that was meant for it, or the suite that the part's name is near to."""
    meant = next((key for key in table if nearest(key, ["suite"])), None)
    if meant is not None:
        problems.unknown(("part", name, meant), "key", meant, ["suite"])
        return
    near = nearest(name, known)
    hint = f"did you mean [part.{near}]? Else " if near else ""
    problems.add(("part", name), f"part {shown(name)} says no suite; {hint}add suite = one of {', '.join(known)}")


def _check_names(names: Iterable[str], problems: Problems) -> None:
    """Each part has a folder of its own, also where a file system does not tell capitals from small letters."""
    before: dict[str, str] = {}
    for name in names:
        same = before.setdefault(name.casefold(), name)
        if not _NAME.fullmatch(name):
            way = "use letters, digits, dots, dashes and underscores, 64 at most"
            problems.add(("part", name), f"part {shown(name)} is no name for a folder; {way}")
        elif name.casefold() in _OF_THE_FOLDER:
            problems.add(("part", name), f"part {shown(name)} is a file of the sweep's folder; use another name")
        elif same != name:
            problems.add(
                ("part", name), f"part {shown(name)} differs from {shown(same)} in capitals alone; use another name"
            )


def _check_shared(shared: Mapping[str, Any], suites: list[Suite], problems: Problems) -> None:
    """Every key that is shared is an option of one of the parts at least."""
    keys = [Keys.of(suite) for suite in suites or SUITES]
    known = list(dict.fromkeys(name for each in keys for name in each))
    for name in shared:
        if name not in known:
            problems.unknown(("shared", name), "key", name, known)
