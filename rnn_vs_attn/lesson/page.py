"""The ledger on a page: before everything else that a page of runs says."""

from __future__ import annotations

from dataclasses import replace

from rnn_vs_attn.lesson.ledger import Ledger
from rnn_vs_attn.pages.ledger import verdict
from rnn_vs_attn.report.page import Page, Section
from rnn_vs_attn.report.tables import Table

_HEADER = ["claim", "here", "measured", "why"]
_PROSE = ("claim", "measured", "why")


def with_ledger(page: Page, ledger: Ledger) -> Page:
    """The page with the lesson's claims in front."""
    rows = [
        [f"{number} {claim.text}", verdict(claim), claim.figure or "not measured", claim.why or "–"]
        for number, claim in enumerate(ledger.claims, start=1)
    ]
    table = Table("", _HEADER, rows, [], grouped=False, prose=_PROSE)
    in_full = Section("", ledger.commands, folded="The command that measures each line in full")
    section = Section("The lesson", tables=[table], parts=[in_full], stacked=True)
    title = page.title.replace("Recurrence and attention", "The lesson", 1)
    return replace(page, title=title, lead=[*ledger.headline, *page.lead[1:]], sections=[section, *page.sections])
