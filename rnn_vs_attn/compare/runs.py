"""`compare`: two stored runs, joined on suite, metric and axes, to verdicts.

Rounds of two runs are not pairs, so the tests are rank-sum tests; and between two days a machine changes by more than
any test within a run can see, so the margin of times is widened by that spread, and unlike machines are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.compare import claims, verdicts
from rnn_vs_attn.compare.machines import DEFAULT_SPREAD
from rnn_vs_attn.compare.report import Report, geometric_mean
from rnn_vs_attn.compare.sentences import Margins
from rnn_vs_attn.compare.verdicts import (
    ALPHA,
    FAILED,
    FASTER,
    MISSING,
    NEW,
    SAME,
    SAME_LEVEL,
    SHOWN_LEVEL,
    SLOWER,
    UNSURE,
    Comparison,
)
from rnn_vs_attn.records.claims import VERDICT
from rnn_vs_attn.records.query import Group
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.stats import rank_tests

_ONE_SIDED = 1.645  # standard normal quantile at .95
_TIMED = ("s", "1/s", "FLOP/s", "B/s")  # units in which the machine of the day has a part
_WHOLE_CASE = "all metrics"


@dataclass(frozen=True)
class Rules:
    """How two runs are judged. spread: of the machine between days; source: where that number is from.

    case_axes: the fields of the suite's case. calibration: metrics that measure the machine and not a model; echoes:
    those that say what another one says.
    """

    margin: float
    case_axes: tuple[str, ...]
    spread: float = DEFAULT_SPREAD
    source: str = "the default; --spread-from FOLDER measures it"
    calibration: frozenset[str] = frozenset()
    echoes: frozenset[str] = frozenset()

    @property
    def widened(self) -> float:
        """The margin of times: two runs differ by sqrt(2) times the spread of one."""
        return self.margin + _ONE_SIDED * math.sqrt(2) * self.spread

    def of(self, record: Record, other: Record) -> float:
        """The margin of a record beside that of the other run, on the scale of differences."""
        return verdicts.margin_at(self._of(record), record.meaning, (record.median, other.median))

    def own_limit(self, record: Record, other: Record) -> float | None:
        """That margin as a part, where it is not the one of the call."""
        margin = self.of(record, other)
        return math.expm1(margin) if margin > verdicts.margin_of(self._of(record), record.scale) else None

    def _of(self, record: Record) -> float:
        """The margin of the call for such a record."""
        return self.widened if record.unit in _TIMED and record.scale == "ratio" else self.margin


def shared_axes(runs: Sequence[Run]) -> tuple[str, ...]:
    """What all records of models have: it stands for the fields of a case of a suite that this version has not."""
    records = [record for run in runs for record in run.records if "model" in record.axes]
    return tuple(name for name in (records[0].axes if records else ()) if all(name in r.axes for r in records))


# Judging


def judge(baseline: Run, candidate: Run, rules: Rules) -> list[Comparison]:
    """A verdict for every metric that two runs share, and a row for every case that only one has or that failed."""
    before, after = (by_case(run, rules) for run in (baseline, candidate))
    found: list[Comparison] = []
    both: list[tuple[Record, Record]] = []
    for case, records in before.items():
        others = after.get(case)
        if others is None:
            found.append(_whole(records, rules, MISSING))
        elif faults := _faults(records, others):
            found.append(_whole(records, rules, FAILED, faults))
        else:
            found += _unshared(records, others)
            both += [(r, others[m]) for m, r in records.items() if m in others and r.meaning == others[m].meaning]
    new = [records for case, records in after.items() if case not in before]
    found += [_whole(records, rules, NEW) for records in new]
    shared = [(record, other) for record, other in both if record.better != "none"]
    return found + _judged(shared, rules, _moved(baseline, candidate, rules))


def by_case(run: Run, rules: Rules) -> dict[Group, dict[Any, Record]]:
    """Records of models by the axes of their case, then by metric and added axes.

    What is read out of several cases, such as an exponent over lengths, lacks an axis of theirs: it stands in a group
    by itself, and they do without it.
    """
    found: dict[Group, dict[Any, Record]] = {}
    for record in run.records:
        if "model" in record.axes and record.metric not in rules.calibration | rules.echoes | {VERDICT.name}:
            axes = sorted(record.axes.items())
            case = tuple((name, value) for name, value in axes if name in rules.case_axes)
            added = tuple((name, value) for name, value in axes if name not in rules.case_axes)
            found.setdefault(case, {})[record.metric, added] = record
    return found


def _faults(before: Mapping[Any, Record], after: Mapping[Any, Record]) -> str:
    """What cost a case its numbers, and on which side; "" where nothing did."""
    first = [next((r for r in side.values() if r.status != "ok"), None) for side in (before, after)]
    said = ["" if fault is None else f"{fault.status}: {fault.error}" for fault in first]
    if said[0] == said[1]:
        return f"on both sides: {said[0]}" if said[0] else ""
    return "; ".join(f"{side}: {text}" for side, text in zip(("baseline", "candidate"), said, strict=True) if text)


def _unshared(before: Mapping[Any, Record], after: Mapping[Any, Record]) -> list[Comparison]:
    """Rows of a case that both have: of what only one of them has of it, or measures otherwise."""
    rows = []
    for metric, record in before.items():
        other = after.get(metric)
        if other is None:
            rows.append(_row(record, MISSING, "the candidate has no such record", baseline=record.median))
        elif record.meaning != other.meaning:
            rows.append(_row(record, UNSURE, "the two runs do not measure the same by it", undecidable=True))
    return rows + [_row(r, NEW, "", candidate=r.median) for m, r in after.items() if m not in before]


def _judged(both: Sequence[tuple[Record, Record]], rules: Rules, moved: str) -> list[Comparison]:
    """Exact metrics exactly; all others by rank-sum tests with Holm's correction, one family a direction."""
    rows: list[Comparison] = []
    noisy: list[tuple[Record, Record, list[float], list[float]]] = []
    for record, other in both:
        if record.exact:
            if record.median is not None and other.median is not None:
                sides = record.median, other.median
                rows.append(verdicts.exact_row(record.meaning, record.axes, *sides, 0.0, record.suite))
            continue
        before, after = verdicts.differences_of(record), verdicts.differences_of(other)
        if not before or not after:
            rows.append(_without_values(record, other))
        else:
            noisy.append((record, other, before, after))
    slower = [rank_tests.unpaired_tail(after, before, rules.of(r, other)) for r, other, before, after in noisy]
    faster = [rank_tests.unpaired_tail(before, after, rules.of(r, other)) for r, other, before, after in noisy]
    q_values = _q_values([(before, after) for _, _, before, after in noisy])
    for (record, other, before, after), up, down, q in zip(
        noisy, rank_tests.holm(slower), rank_tests.holm(faster), q_values, strict=True
    ):
        row = _measured(record, other, before, after, rules, len(noisy))
        if not row.undecidable:
            verdict = SLOWER if up <= ALPHA else FASTER if down <= ALPHA else row.verdict
            reason = "" if verdict in (SLOWER, FASTER) else row.reason
            if moved and record.unit in _TIMED:
                verdict, reason = UNSURE, moved
            row = replace(row, verdict=verdict, reason=reason, p=min(up, down))
        rows.append(replace(row, q=q))
    return rows


def _measured(
    record: Record, other: Record, before: list[float], after: list[float], rules: Rules, tests: int
) -> Comparison:
    """The row of a noisy metric: same or unsure, before anything is called slower or faster."""
    centre, low, high = verdicts.as_change(
        rank_tests.unpaired_shift(after, before, SHOWN_LEVEL), record.better, record.scale
    )
    numbers = {"baseline": record.median, "candidate": other.median, "centre": centre, "low": low, "high": high}
    numbers |= {"limit": rules.own_limit(record, other)}
    reason = "its interval reaches beyond the margin"
    row = _row(record, UNSURE, reason, values=min(len(before), len(after)), **numbers)
    if rank_tests.least_unpaired_tail(len(after), len(before)) * tests > ALPHA:
        reason = (
            f"too few rounds: {len(before)} against {len(after)} can show nothing among {tests} metrics of cases; "
            f"{rank_tests.rounds_needed(tests, ALPHA)} in each run can (--rounds)"
        )
        return replace(row, reason=reason, undecidable=True)
    if rank_tests.unpaired_shift(after, before, SAME_LEVEL).within(rules.of(record, other)):
        return replace(row, verdict=SAME, reason="")
    return row


def _q_values(values: Sequence[tuple[list[float], list[float]]]) -> list[float]:
    """Of every metric, adjusted for the false discovery rate: is there any change, however small."""
    tails = [min(rank_tests.unpaired_tail(a, b, 0.0), rank_tests.unpaired_tail(b, a, 0.0)) for b, a in values]
    return rank_tests.false_discovery([min(1.0, 2 * tail) for tail in tails])


def _moved(baseline: Run, candidate: Run, rules: Rules) -> str:
    """Which calibration kernel says that the machine changed, "" where none."""
    before = {r.key: r for r in baseline.records if r.metric in rules.calibration}
    for record in candidate.records:
        other = before.get(record.key)
        if other is None or not record.values or not other.values:
            continue
        after, earlier = verdicts.differences_of(record), verdicts.differences_of(other)
        if not after or not earlier:
            continue
        shift = rank_tests.unpaired_shift(after, earlier, SHOWN_LEVEL)
        if shift.excludes_zero() and abs(shift.centre) > rules.of(record, other):
            ratio = verdicts.as_change(shift, record.better, record.scale)[0]
            return verdicts.machine_moved(record.metric, ratio)
    return ""


def _without_values(record: Record, other: Record) -> Comparison:
    """A metric without a logarithm or without samples on one side."""
    if record.median == other.median and record.zero == other.zero:
        return _row(record, SAME, "", baseline=record.median, candidate=other.median)
    reason = "no ratio: one side has no value, or is 0"
    return _row(record, UNSURE, reason, baseline=record.median, candidate=other.median)


def _whole(records: Mapping[Any, Record], rules: Rules, verdict: str, faults: str = "") -> Comparison:
    """One row for a whole case, or for all that is read out of the same several cases."""
    first = next(iter(records.values()))
    axes = {name: value for name, value in first.axes.items() if name in rules.case_axes}
    whole = len(axes) == len(rules.case_axes)
    metric = _WHOLE_CASE if whole else ", ".join(dict.fromkeys(record.metric for record in records.values()))
    lacking = "baseline" if verdict == NEW else "candidate"
    reason = faults or f"the {lacking} has no such {'case' if whole else 'record'}"
    return replace(_row(first, verdict, reason), axes=axes, metric=metric, unit="1", exact=False)


def _row(record: Record, verdict: str, reason: str, **rest: Any) -> Comparison:
    return Comparison.of(record.meaning, record.suite, record.axes, verdict, reason, **rest)


# The report


def report_of(
    baseline: Run, candidate: Run, names: tuple[str, str], rules: Rules, strict: bool, differing: Sequence[str]
) -> Report:
    """Verdicts and exit code of two runs; differing: hard keys that do not agree, under which nothing is a verdict."""
    found = judge(baseline, candidate, rules)
    code = verdicts.exit_code(found, strict, new_counts=False)
    cut_off = interrupted((baseline, candidate), names)
    if differing or cut_off or all(c.verdict in (MISSING, NEW) for c in found):
        code = verdicts.NO_VERDICT
    method = [
        f"margin {units.percent(rules.margin)}; of times {units.percent(rules.widened)}, as this machine's spread from "
        f"day to day is {units.percent(rules.spread)} ({rules.source}); exact metrics: any change counts; "
        f"a peak of CPU memory: {units.of_unit(verdicts.PEAK_RESOLUTION, 'B')} at least",
        "slower, faster: beyond the margin by an exact rank-sum test with Holm's correction, one family a direction; "
        "same: the 90% interval is inside the margin; intervals shown are at 95%; q: false discovery rate",
        geometric_mean(found),
    ]
    notes = [
        *(f"NO VERDICT, {name} was interrupted and is not whole; finish it with --resume {name}" for name in cut_off),
        *(f"ADVISORY ONLY, the machines differ in {line}" for line in differing),
        *claims.said_of(claims.changed(baseline, candidate)),
    ]
    facts = {
        "baseline": names[0],
        "candidate": names[1],
        "suite": candidate.suite,
        "margin": rules.margin,
        "widened_margin": rules.widened,
        "spread": rules.spread,
        "differing": list(differing),
        "interrupted": cut_off,
        "fingerprint": candidate.environment.get("fingerprint"),
        "commits": [baseline.environment.get("git_commit"), candidate.environment.get("git_commit")],
    }
    title, margins = f"compare, {names[1]} against {names[0]}", Margins(rules.widened, exact=0.0, others=rules.margin)
    lead = _without_verdict(found, differing, cut_off)
    return Report(title, found, notes, code, facts, margins, lead, [line for line in method if line])


def _without_verdict(found: Sequence[Comparison], differing: Sequence[str], cut_off: Sequence[str]) -> str:
    """Why nothing that was found is a verdict, "" where it is one."""
    if cut_off:
        return f"No verdict: {' and '.join(cut_off)} {'was' if len(cut_off) == 1 else 'were'} interrupted."
    if differing:
        return "No verdict: the two runs are of different machines or software, so the table is advisory only."
    if all(c.verdict in (MISSING, NEW) for c in found):
        return "No verdict: the two runs have no case in common."
    return ""


def interrupted(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """The names of runs that were cut off, each once."""
    return list(dict.fromkeys(name for run, name in zip(runs, names, strict=True) if run.status != "complete"))
