"""A sweep's folder: a copy of its file, the hash of that, and a run's folder for each part that was begun."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.checks import checked_head
from rnn_vs_attn.records.folder import free_path, put
from rnn_vs_attn.records.strict_json import parsed
from rnn_vs_attn.sweep import file
from rnn_vs_attn.sweep.file import Sweep
from rnn_vs_attn.units import now

FILE, HEAD, SUMMARY = "sweep.toml", "sweep.json", "summary.md"
SCHEMA = 1

COMPLETE, UNFINISHED, NOT_BEGUN = "complete", "unfinished", "not begun"


def create(sweep: Sweep, output: Path | None) -> Path:
    """A new folder of a sweep, with its file. UserError where it is taken or cannot be written."""
    path = output or free_path(sweep.name)
    head = {"schema": SCHEMA, "name": sweep.name, "sha256": sweep.sha256, "started": now()}
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
    name, begun_with = _begun(path)
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
    return replace(sweep, name=name)


def _begun(path: Path) -> tuple[str, str]:
    """What a sweep is called, and the hash of its file then. UserError where this is no sweep's folder."""
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
    ):
        raise UserError(f"{path / HEAD} is damaged, or of a version that this one does not read")
    return str(head["name"]), str(head["sha256"])


def state_of(path: Path) -> str:
    """How far the run of a part is. UserError where its folder holds something else."""
    if not os.path.lexists(path):
        return NOT_BEGUN
    if (path / "run.json").exists():
        return COMPLETE if checked_head(path).status == "complete" else UNFINISHED
    _clear(path)
    return NOT_BEGUN


def _clear(path: Path) -> None:
    """Take away what a run leaves that ended before it measured anything. UserError where there is more."""
    try:
        left = {each.name: each.stat().st_size for each in path.iterdir()}
        if left.keys() - {"samples.jsonl", "records.jsonl"} or any(left.values()):
            raise UserError(f"{path} is no run of this sweep; move it away")
        for name in left:
            (path / name).unlink()
        path.rmdir()
    except OSError as error:
        raise UserError(f"cannot use {path}: {error.strerror}; move it away") from None
