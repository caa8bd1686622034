"""What an anonymous run says: no folder of this machine, nor its name or that of its user."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rnn_vs_attn.machine import environment

Value = TypeVar("Value")

_FOLDER = r"""[^\s/'"<>|]+/"""
_FOLDERS = re.compile(rf"(?<![\w./~-])(?:~/|~?/{_FOLDER})(?:{_FOLDER})*")  # all that a path has before its last name
_AXES = "axes"
_SHARED = {"root", "user", "localhost"}  # names that many have, and that are words of sentences


def without_names(value: Value) -> Value:
    """The same with every text in it anonymous: of paths their last names, of this host and user none.

    Values are what JSON holds, and dataclasses of that. Keys stay, and so do axes, by which results are joined.
    """
    changed: Any = value
    if isinstance(value, str):
        changed = _text(value)
    elif isinstance(value, Mapping):
        changed = {key: each if key == _AXES else without_names(each) for key, each in value.items()}
    elif isinstance(value, list | tuple):
        changed = type(value)(without_names(each) for each in value)
    elif is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = replace(value, **without_names(own))
    result: Value = changed
    return result


def names_a_folder(text: str) -> bool:
    """Whether a text has a path from the root, from a home, or out of the folder that it is in."""
    return without_folders(text) != text or ".." in re.split(r"[/:'\"]", text)


def without_folders(text: str) -> str:
    """A text with the last names of its paths."""
    for folder in _known_folders():  # which may have spaces in their names
        text = text.replace(f"{folder}/", "~/")
    return _FOLDERS.sub("", text)


def _text(text: str) -> str:
    text = without_folders(text)
    for name, word in _names().items():
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", word, text)
    return text


def _known_folders() -> list[str]:
    """Those that errors name most, the longest first."""
    known = {str(Path.cwd()), sys.prefix, sys.base_prefix}
    with contextlib.suppress(RuntimeError):  # a user whom the system does not know has none
        known.add(str(Path.home()))
    return sorted(known - {"/"}, key=len, reverse=True)


def _names() -> dict[str, str]:
    """The names of this host and user, each with the word that stands for it."""
    found = {socket.gethostname(): "HOST", environment.user() or "": "USER"}
    return {name: word for name, word in found.items() if len(name) > 2 and name not in _SHARED}
