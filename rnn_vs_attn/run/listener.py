"""Who is told how a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.worker.protocol import Trained


class Progress(Protocol):
    """What is told."""

    def round_begins(self, number: int, num_cases: int) -> None: ...

    def case_begins(self, case: Case, what: str) -> None: ...

    def case_goes_on(self, case: Case, told: Trained) -> None: ...

    def case_ends(self, case: Case) -> None: ...

    def round_ends(self, number: int, records: Sequence[Record]) -> None: ...

    def note(self, text: str) -> None: ...


class Silence:
    """Nobody."""

    def round_begins(self, number: int, num_cases: int) -> None:
        return None

    def case_begins(self, case: Case, what: str) -> None:
        return None

    def case_goes_on(self, case: Case, told: Trained) -> None:
        return None

    def case_ends(self, case: Case) -> None:
        return None

    def round_ends(self, number: int, records: Sequence[Record]) -> None:
        return None

    def note(self, text: str) -> None:
        return None
