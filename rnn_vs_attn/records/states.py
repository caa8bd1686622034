"""How far the run in a folder is: complete, unfinished, or not begun, wherever it was cut off."""

from __future__ import annotations

import os
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.checks import checked_head, checked_run

COMPLETE, UNFINISHED, NOT_BEGUN = "complete", "unfinished", "not begun"
TABLE = "table.md"  # what is written last into the folder of a run that has ended
_EMPTY = {"samples.jsonl", "records.jsonl"}  # until something was measured
_BEFORE = {"run.json.part", "records.jsonl.part", "tokenizer.json", "tokenizer.json.part"}  # and what may stand there


def state_of(path: Path) -> str:
    """How far the run in a folder is; what one leaves that ended before it measured anything is taken away.

    UserError where its folder holds something else.
    """
    if not os.path.lexists(path):
        return NOT_BEGUN
    if os.path.lexists(path / "run.json"):
        whole = checked_head(path).status == "complete" and (path / TABLE).exists()
        return COMPLETE if whole else UNFINISHED
    _clear(path)
    return NOT_BEGUN


def _clear(path: Path) -> None:
    """Take away what a run leaves that ended before it measured anything. UserError where there is more."""
    try:
        left = {each.name: each.stat().st_size for each in path.iterdir()}
        if left.keys() - _EMPTY - _BEFORE or any(left[name] for name in _EMPTY & left.keys()):
            raise UserError(f"{path} holds no run, and something else; move it away")
        for name in left:
            (path / name).unlink()
        path.rmdir()
    except OSError as error:
        raise UserError(f"cannot use {path}: {error.strerror}; move it away") from None


def has_faults(path: Path) -> bool:
    """Whether some case of a run has no number. UserError where it cannot be read."""
    return any(record.status != "ok" for record in checked_run(path).records)
