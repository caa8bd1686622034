"""The page of the runs in a folder, written into it when a command of several runs has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.folder import write_text
from rnn_vs_attn.records.types import Run
from rnn_vs_attn.report.page import Page
from rnn_vs_attn.run.stored import runs_of

NAME = "report.html"


def page_beside(folder: Path, runs: Sequence[Path], begin: Callable[[Page], Page] = lambda page: page) -> Path | None:
    """Where the page of these runs, in `folder`, now is; None where none of them can be read.

    begin: what puts the command's own answer before what every page says.
    """
    from rnn_vs_attn.pages.entries import entries_of  # with what draws: --help has no use for it
    from rnn_vs_attn.pages.report import Report, page
    from rnn_vs_attn.report.page import render

    own = {path: run for each in runs for path, run in _read(each).items()}
    found = {Path(folder.name) / path.relative_to(folder): run for path, run in own.items()}  # it may be sent elsewhere
    if not found:
        return None
    target = folder / NAME
    write_text(target, render(begin(page(Report(entries_of(found))))))
    return target


def _read(folder: Path) -> dict[Path, Run]:
    """The run in a folder, where it can be read and holds something."""
    try:
        return {path: run for path, run in runs_of([folder]).items() if run.records}
    except UserError:
        return {}
