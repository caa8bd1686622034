"""What stands in `run.json` when a run begins and when it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.machine import environment
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.units import now


def begun(suite: str, settings: dict[str, Any], facts: Mapping[str, Any], anonymous: bool) -> Run:
    """The head of a run that begins now, which is interrupted until it ends. facts: what torch says of the machine."""
    return Run(
        suite=suite,
        command=["rnn-vs-attn", *command_line(anonymous)],
        settings=settings,
        environment=environment.describe(dict(facts), anonymous),
        started=now(),
        finished=None,
        status="interrupted",
    )


def finished(head: Run) -> Run:
    """The head of a run that ends now."""
    return replace(head, status="complete", finished=now())


def command_line(anonymous: bool) -> list[str]:
    """The words typed; without folders where anonymous."""
    return [_without_folders(word) if anonymous else word for word in sys.argv[1:]]


def _without_folders(word: str) -> str:
    """`--output=/home/me/run` is `--output=run`."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return option + equals + (Path(value).name if os.sep in value else value)
