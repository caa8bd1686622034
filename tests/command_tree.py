"""Every command as it is once it is loaded, by what is typed for it."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer

from rnn_vs_attn.cli import app
from rnn_vs_attn.cli.commands import ENTRIES, Later


@cache
def every_command() -> dict[str, Any]:
    """The program itself is ""."""
    found: dict[str, Any] = {"": typer.main.get_command(app.app)}
    for entry in ENTRIES:
        command = found[entry.name] = Later(entry).loaded()
        for name, below in getattr(command, "commands", {}).items():
            found[f"{entry.name} {name}"] = below
    return found
