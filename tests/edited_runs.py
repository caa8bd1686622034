"""Stored runs that were edited."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from rnn_vs_attn.cli import app


def called(*words: str) -> tuple[int, str, str]:
    """A command in this process: its exit code and both of its streams."""
    out, err, before = io.StringIO(), io.StringIO(), (sys.argv, signal.signal)
    try:
        sys.argv, signal.signal = ["rnn-vs-attn", *words], lambda *_: None  # type: ignore[assignment]
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
            app.main()
    finally:
        sys.argv, signal.signal = before
    assert isinstance(stop.value.code, int)
    return stop.value.code, out.getvalue(), err.getvalue()


def edited(path: Path, name: str, change: Callable[[Any], Any], line: int = 0) -> Path:
    """A stored run whose file has another value: of the whole, or of a line counted from 0."""
    file = path / name
    lines = [file.read_text()] if name == "run.json" else file.read_text().splitlines()
    lines[line] = change(json.loads(lines[line]))
    lines[line] = lines[line] if isinstance(lines[line], str) else json.dumps(lines[line])
    file.write_text("\n".join(lines) + "\n")
    return path
