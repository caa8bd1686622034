"""The ledger: every claim of the lesson with its verdict, for a terminal, a pipe, a file and other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_vs_attn.lesson.lines import Line
from rnn_vs_attn.lesson.readings import Readings
from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, VERDICTS, Claim
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.text import safe

_TOLD = "claim, and what was measured here"


@dataclass(frozen=True)
class Ledger:
    """Claims beside the lines that they are of."""

    lines: Sequence[Line]
    claims: Sequence[Claim]

    @classmethod
    def of(cls, lines: Sequence[Line], runs: Readings) -> Ledger:
        """The ledger as far as the runs tell."""
        return cls(lines, [line.claim(runs) for line in lines])

    def with_verdict(self, verdict: str) -> list[Claim]:
        return [claim for claim in self.claims if claim.verdict == verdict]

    @property
    def headline(self) -> list[str]:
        """How many hold, how many do not, and which does not first, as that surprises."""
        holds, fails, undecided = (self.with_verdict(verdict) for verdict in VERDICTS)
        found = [f"{len(holds)} of the lesson's {len(self.claims)} claims hold on this machine."]
        left = f"{len(undecided)} {'is' if len(undecided) == 1 else 'are'} undecided"
        found.append(f"{len(fails)} {'does' if len(fails) == 1 else 'do'} not hold here, and {left}.")
        if fails:
            first = fails[0]
            found.append(f'What may surprise: "{first.text}" does not; {first.figure}.')
        return found

    @property
    def table(self) -> Table:
        """A row a claim, the verdict before the words."""
        rows = [
            [str(number), claim.verdict, f"{claim.text}: {claim.figure or claim.why}"]
            for number, claim in enumerate(self.claims, start=1)
        ]
        return Table("The lesson on this machine", ["", "verdict", _TOLD], rows, [], False, 2, (_TOLD,))

    @property
    def whole_table(self) -> Table:
        """The same with why, where there is room."""
        rows = [
            [str(number), claim.verdict, claim.text, claim.figure, claim.why]
            for number, claim in enumerate(self.claims, start=1)
        ]
        return Table("The lesson on this machine", ["", "verdict", "claim", "measured here", "why"], rows, [])

    @property
    def reasons(self) -> list[str]:
        """Why each is so that does not hold, and what each would take that is undecided."""
        told = [
            (number, claim) for number, claim in enumerate(self.claims, start=1) if claim.verdict != HOLDS and claim.why
        ]
        return [f"{number} {claim.verdict}: {claim.why}." for number, claim in told if claim.figure]

    @property
    def commands(self) -> list[str]:
        """What measures each line in full: commands, with the numbers of their lines."""
        of: dict[str, list[str]] = {}
        for number, line in enumerate(self.lines, start=1):
            of.setdefault(line.in_full, []).append(str(number))
        return [f"{', '.join(numbers)}: {command}" for command, numbers in of.items()]

    def markdown(self) -> str:
        """The whole of it as a page."""
        commands = [f"- {safe.markdown(line)}" for line in self.commands]
        headline = safe.markdown(" ".join(self.headline))
        return "\n".join([f"{headline}\n", self.whole_table.markdown(), "Each line in full:\n", *commands, ""])

    def document(self, folder: Path) -> dict[str, Any]:
        """What `--json` prints and `ledger.json` holds."""
        entries = [
            {
                "key": claim.key,
                "claim": claim.text,
                "verdict": claim.verdict,
                "figure": claim.figure,
                "why": claim.why,
                "command": line.in_full,
                "run": str(folder / line.part),
            }
            for line, claim in zip(self.lines, self.claims, strict=True)
        ]
        counts = {verdict: len(self.with_verdict(verdict)) for verdict in (HOLDS, FAILS, UNDECIDED)}
        return {"headline": self.headline, "verdicts": counts, "claims": entries, "folder": str(folder)}
