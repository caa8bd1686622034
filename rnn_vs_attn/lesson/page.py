"""The ledger on a page: before everything else that a page of runs says."""

from __future__ import annotations

from dataclasses import replace

from rnn_vs_attn.lesson.ledger import Ledger
from rnn_vs_attn.pages.ledger import verdict
from rnn_vs_attn.report.page import Page, Section
from rnn_vs_attn.report.tables import Table

_HEADER = ["claim", "here", "measured", "why", "in full"]
_PROSE = ("claim", "measured", "why", "in full")


def with_ledger(page: Page, ledger: Ledger) -> Page:
    """The page with the lesson's claims in front."""
    rows = [
        [claim.text, verdict(claim), claim.figure or "not measured", claim.why or "–", line.in_full]
        for line, claim in zip(ledger.lines, ledger.claims, strict=True)
    ]
    section = Section("The lesson", tables=[Table("", _HEADER, rows, [], grouped=False, prose=_PROSE)], stacked=True)
    title = page.title.replace("Recurrence and attention", "The lesson", 1)
    return replace(page, title=title, lead=[*ledger.headline, *page.lead[1:]], sections=[section, *page.sections])
