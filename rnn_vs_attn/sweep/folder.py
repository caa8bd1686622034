"""A sweep's folder: a copy of its file, the hash of that, and a run's folder for each part that was begun."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import free_path, put
from rnn_vs_attn.records.strict_json import parsed
from rnn_vs_attn.sweep import file
from rnn_vs_attn.sweep.file import Sweep
from rnn_vs_attn.units import now

FILE, HEAD, SUMMARY = "sweep.toml", "sweep.json", "summary.md"
SCHEMA = 1
_ANONYMOUS = "anonymous"


def create(sweep: Sweep, output: Path | None, anonymous: bool = False) -> Path:
    """A new folder of a sweep, with its file. UserError where it is taken or cannot be written.

    anonymous: whether who goes on with it has all of its parts anonymous.
    """
    path = output or free_path(sweep.name)
    head: dict[str, Any] = {"schema": SCHEMA, "name": sweep.name, "sha256": sweep.sha256, "started": now()}
    head |= {_ANONYMOUS: True} if anonymous else {}
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UserError(f"output folder {path} is not empty; name another, or continue it with --resume {path}")
        put(path / FILE, sweep.content)
        put(path / HEAD, json.dumps(head, indent=2).encode() + b"\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write to output folder {path}: {reason}; name another with --output") from None
    return path


def reopened(path: Path, given: Path | None, elsewhere: bool = False) -> Sweep:
    """The sweep that a folder was begun with. given: the file of the call, where one was named.

    UserError where its file is another one by now.
    """
    name, begun_with, anonymous = _begun(path)
    sweep = file.read(path / FILE, elsewhere)
    if sweep.sha256 != begun_with:
        raise UserError(
            f"{path / FILE} was changed since the sweep began; start a sweep of its own with what it is now"
        )
    if given is not None and file.content_of(given) != sweep.content:
        raise UserError(
            f"{given} is not the file that {path} was begun with; leave it out to go on under {path / FILE}, or start "
            "a sweep of its own"
        )
    sweep = replace(sweep, name=name)
    return sweep.anonymous() if anonymous else sweep


def _begun(path: Path) -> tuple[str, str, bool]:
    """What a sweep is called, the hash of its file then, and whether it is anonymous.

    UserError where this is no sweep's folder.
    """
    try:
        head = parsed((path / HEAD).read_bytes())
    except OSError as error:
        raise UserError(f"cannot resume {path}: {HEAD}: {error.strerror}; give the folder of a sweep") from None
    except ValueError as error:
        raise UserError(f"{path / HEAD} is damaged: {error}") from None
    if (
        not isinstance(head, dict)
        or head.get("schema") != SCHEMA
        or not all(isinstance(head.get(key), str) for key in ("name", "sha256"))
        or not isinstance(head.get(_ANONYMOUS, False), bool)
    ):
        raise UserError(f"{path / HEAD} is damaged, or of a version that this one does not read")
    return str(head["name"]), str(head["sha256"]), head.get(_ANONYMOUS, False)
