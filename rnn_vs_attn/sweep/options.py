"""The options of `run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnn_vs_attn.suites.case import argument, option


@dataclass(frozen=True)
class SweepOptions:
    """Those of one sweep; what a part is asked for stands in its file."""

    file: Path | None = argument("The sweep, a TOML file.", None, False)
    max_seconds: float | None = option(
        None,
        "Start no further case after this, of all parts together.",
        minimum=0,
        shown="the file's max_seconds, or each part's own",
        panel=None,
    )
    output: Path | None = option(
        None, "Folder of the sweep, a run in it for each part.", shown="results/<UTC time>-<name>", panel=None
    )
    resume: Path | None = option(
        None, "Go on with a sweep's folder: the parts that are unfinished or not begun, as its file says.", panel=None
    )
    retry: bool = option(False, "With --resume: measure cases again that failed or were left out.", panel=None)
    dry_run: bool = option(False, "List the cases of all parts and about how long they take.", panel=None)
    as_json: bool = option(False, "One JSON document on standard output.", flag="--json", panel=None)
    quiet: bool = option(False, "No progress and no notes on standard error.", panel=None)
    debug: bool = option(False, "Show stack traces and what the measuring process prints.", panel=None)
