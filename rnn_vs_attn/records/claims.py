"""Claims: what people say of models, and what a run found of each: it holds, does not hold here, or is undecided.

A claim is a record like any other, so that every reader of a run has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from rnn_vs_attn.records.query import derived
from rnn_vs_attn.records.types import Axes, Metric, Record

HOLDS, FAILS, UNDECIDED = VERDICTS = ("holds", "does not hold here", "undecided")
VERDICT = Metric("verdict", "text", "none", title="what became of a claim")


@dataclass(frozen=True)
class Claim:
    """A claim and its verdict, in words that a student knows.

    key: a short name of the claim, the same whatever was measured.
    text: the claim as people say it, without a full stop: "Attention trains faster than an LSTM".
    verdict: one of VERDICTS.
    figure: what was measured of it, with its interval or what stands for one, as a sentence without a full stop.
    why: what that rests on; of what is undecided, what it would take. "" where the figure says it.
    axes: what tells it from other claims of that key: the model, say.
    """

    key: str
    text: str
    verdict: str
    figure: str
    why: str = ""
    axes: Axes = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The claim in one line: what is said, whether it holds, and by which figure."""
        told = "; ".join(filter(None, (self.figure, self.why)))
        return f"{self.text}: {self.verdict}." + (f" {told}." if told else "")

    def record(self, suite: str) -> Record:
        """What is stored of it."""
        told = {"claim": self.text, "figure": self.figure, "why": self.why}
        return derived(VERDICT, suite, {**self.axes, "claim": self.key}, [], None, text=self.verdict, **told)

    @classmethod
    def of(cls, record: Record) -> Self | None:
        """The claim of a stored record; None of one from before records had the words."""
        told, axes = record.details, dict(record.axes)
        if record.metric != VERDICT.name or "claim" not in axes or not {"claim", "figure", "why"} <= told.keys():
            return None
        key = str(axes.pop("claim"))
        return cls(key, str(told["claim"]), record.text, str(told["figure"]), str(told["why"]), axes)


def stored_claims(records: Iterable[Record]) -> list[Claim]:
    """The claims that are stored among these records, in their order."""
    return [claim for record in records if (claim := Claim.of(record)) is not None]
