"""The ledger in a report of a lesson's runs: before everything else that a report says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnn_vs_attn.lesson.ledger import Ledger
from rnn_vs_attn.lesson.lines import LINES
from rnn_vs_attn.lesson.options import SETTINGS
from rnn_vs_attn.lesson.parts import PARTS
from rnn_vs_attn.lesson.readings import read
from rnn_vs_attn.pages.ledger import verdict
from rnn_vs_attn.report.page import Page, Section
from rnn_vs_attn.report.tables import Table

_HEADER = ["claim", "here", "measured", "why"]
_PROSE = ("claim", "measured", "why")
_HEADING = "The lesson"


def stored(folders: Sequence[Path]) -> Ledger | None:
    """The ledger of a lesson that was measured, where its folder alone is named."""
    if len(folders) != 1 or not (folders[0] / SETTINGS).exists():
        return None
    return Ledger.of(LINES, read(folders[0], PARTS, {}))


def with_ledger(page: Page, ledger: Ledger | None) -> Page:
    """The page with the lesson's claims in front, where there is a ledger."""
    if ledger is None:
        return page
    rows = [
        [f"{number} {claim.text}", verdict(claim), claim.figure or "not measured", claim.why or "–"]
        for number, claim in enumerate(ledger.claims, start=1)
    ]
    table = Table("", _HEADER, rows, [], grouped=False, prose=_PROSE)
    in_full = Section("", ledger.commands, folded="The command that measures each line in full")
    section = Section(_HEADING, tables=[table], parts=[in_full], stacked=True)
    title = page.title.replace("Recurrence and attention", _HEADING, 1)
    return replace(page, title=title, lead=[*ledger.headline, *page.lead[1:]], sections=[section, *page.sections])


def blocks(ledger: Ledger | None) -> list[str]:
    """The same in Markdown."""
    return [] if ledger is None else [f"## {_HEADING}", ledger.markdown().strip("\n")]


def document(ledger: Ledger | None, folder: Path) -> dict[str, Any]:
    """The same for other programs. folder: of the lesson."""
    return {} if ledger is None else {"lesson": ledger.document(folder)}
