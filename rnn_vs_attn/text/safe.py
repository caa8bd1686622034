"""Text that anyone may have written, made safe for where it stands: a terminal, Markdown, GitHub's log, XML, CSV, JSON.

Names of models, values of axes, reasons of faults and paths are data, also those of a stored run. Everything that
leaves this program passes through here; what is plain passes unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_COMMAND = re.compile(r"(?<!\S):(?=:\w)|#(?=#\w*\[)")  # ::error::, ##[error], ##vso[, ##teamcity[ are commands in a log
_SURROGATE = re.compile("[\ud800-\udfff]")


def one_line(text: str) -> str:
    """For a terminal or a log: what moves the cursor, is invisible or turns text around stands as its escape (\\n).

    What would be a command to a CI's log is none.
    """
    return _COMMAND.sub(lambda found: f"\\x{ord(found[0]):02x}", _escaped(text, _as_in_python))


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else escape(c) for c in text)


def _as_in_python(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


# Markdown as GitHub reads it

_INLINE = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~])          # a backslash that would escape something
    | [*`$]
    | (?<![^\W_])_(?=.*_(?![^\W_]))    # before a word, where another one is behind a word
    | \](?=[(\[])                      # a link
    | ~(?=.*~) | (?<=~)~ | (?<=~.)~    # two of them strike out""",
    re.VERBOSE,
)
_ACTS = re.compile(r":(?=[a-z0-9_+-]+:)(?!\d\d:)|(?<!\w)[@#](?=\w)")  # codes of emoji, mentions, issues
_AT_START = re.compile(
    r"(\d{1,9})(?=[.)](?:\s|$))"  # a numbered list
    r"|(?=[-+](?:\s|$)|>|#{1,6}(?:\s|$)|=+$|-{2,}$)"  # a list, a quotation, a heading, a rule
    r"|(?=\[[^\]]*\]:|\[[ xX]\]\s)"  # where a link leads to, a box to tick
)


def markdown(text: str) -> str:
    """For Markdown: read letter for letter, neither as markup nor as HTML, and calling nobody."""
    safe = one_line(text).strip()
    begin = _AT_START.match(safe)
    safe = _INLINE.sub(r"\\\g<0>", safe)
    if begin is not None:
        safe = f"{safe[: begin.end()]}\\{safe[begin.end() :]}"
    safe = re.sub(r"&(?=#?\w+;)", "&amp;", safe)
    safe = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", safe)
    return _ACTS.sub(r"\g<0>&#8203;", safe)


# Other places


def annotation(text: str) -> str:
    """For the message of a command to GitHub's log; line breaks are shown there."""
    coded = {"%": "%25", "\r": "%0D", "\n": "%0A"}
    return "".join(coded.get(c) or _escaped(c, _as_in_python) for c in text)


def xml(text: str) -> str:
    """For XML 1.0: on one line, without what is not printed."""
    return _escaped(" ".join(text.split()), lambda _: "")


def spreadsheet(text: str) -> str:
    """For a cell of CSV: what a spreadsheet would run as a formula begins with an apostrophe."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def encodable(text: str) -> str:
    """For a file in UTF-8: what is no character, as in a path of other letters, is replaced by the sign for that."""
    return _SURROGATE.sub("\ufffd", text)


def json_text(document: Any, ascii_only: bool = False) -> str:
    """JSON on several lines, safe to print; who reads it gets every character. NaN and infinity are a ValueError."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=ascii_only, indent=2)
    lines = (_escaped(line, _as_in_json) for line in text.split("\n"))  # within a string there is no line break
    return re.sub(r"#(?=#\w*\[)", r"\\u0023", "\n".join(lines))


def _as_in_json(character: str) -> str:
    return json.dumps(character)[1:-1]


def yaml(text: str) -> str:
    """A string of YAML in double quotes."""
    quoted = json.dumps(encodable(text), ensure_ascii=False)
    return _escaped(quoted, lambda c: f"\\U{ord(c):08x}")
