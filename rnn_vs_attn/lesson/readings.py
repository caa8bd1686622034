"""What lines of the ledger read: the runs of the lesson's parts, and the records in them, or why there are none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.lesson.parts import LessonPart
from rnn_vs_attn.records.checks import checked_run
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.stats.intervals import Estimate

NOT_YET = "not measured yet"


class Lacking(Exception):
    """Why what a line rests on is not there, in one sentence without a full stop."""


class Found(NamedTuple):
    """What became of a claim: as the fields of `Claim`."""

    verdict: str
    figure: str
    why: str = ""


@dataclass(frozen=True)
class Readings:
    """The records of each part that was measured, and why others have none. cut_off: parts that are not whole."""

    records: Mapping[str, Sequence[Record]]
    reasons: Mapping[str, str]
    cut_off: Collection[str] = ()

    def of(self, part: str) -> Sequence[Record]:
        """The records of a part. Lacking where it has none."""
        if part not in self.records:
            raise Lacking(self.reasons.get(part, NOT_YET))
        return self.records[part]


def read(folder: Path, parts: Sequence[LessonPart], reasons: Mapping[str, str]) -> Readings:
    """What stands in the folder of a lesson. reasons: of parts that have no run."""
    found: dict[str, Sequence[Record]] = {}
    why, cut_off = dict(reasons), list[str]()
    for part in parts:
        path = folder / part.name
        if not (path / "run.json").exists():
            continue
        try:
            run = checked_run(path)
        except UserError as error:
            why[part.name] = str(error)
            continue
        found[part.name] = [*run.records, *part.suite.analysis.expand(run.records)]
        cut_off += [part.name] * (run.status != "complete")
    return Readings(found, why, cut_off)


def one(records: Sequence[Record], metric: str, **axes: AxisValue) -> Record:
    """The record of a metric at these axes, of several that of the longest length and the largest width.

    Lacking, with the reason, where none has a value.
    """
    found = measured(records, metric, **axes)
    if found:
        return max(found, key=lambda r: tuple(float(r.axes.get(name) or 0) for name in ("seq_len", "d_model")))
    faults = (r for r in records if r.status != "ok" and axes.items() <= {"of": r.metric, **r.axes}.items())
    fault = next(faults, None)
    named = " ".join(str(value) for value in axes.values())
    raise Lacking(f"{named}: {fault.error or fault.status}" if fault else f"{named}: there is no {metric} of it")


def takes(result: Estimate | None) -> str:
    """What it would take to decide a claim by an interval."""
    if result is None or result.low is None:
        return f"{result.reason if result and result.reason else 'no interval'}; a longer --max-seconds has them"
    return "its interval does not settle it; more rounds, or a quieter machine, narrow it"
