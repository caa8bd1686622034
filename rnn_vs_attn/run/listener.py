"""Who is told how a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import Case


class Progress(Protocol):
    """What is told."""

    def round_begins(self, number: int, num_cases: int) -> None: ...

    def case_begins(self, case: Case, what: str) -> None: ...

    def round_ends(self, number: int, records: Sequence[Record]) -> None: ...

    def note(self, text: str) -> None: ...


class Silence:
    """Nobody."""

    def round_begins(self, number: int, num_cases: int) -> None:
        return None

    def case_begins(self, case: Case, what: str) -> None:
        return None

    def round_ends(self, number: int, records: Sequence[Record]) -> None:
        return None

    def note(self, text: str) -> None:
        return None
