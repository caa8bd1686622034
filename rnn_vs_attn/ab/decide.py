"""From what the pairs of `ab` gave to its verdicts: one a timed pass of a case, one an exact metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rnn_vs_attn.ab import acceptance, power
from rnn_vs_attn.ab.failures import Untimed
from rnn_vs_attn.ab.options import LEAST_SCREEN
from rnn_vs_attn.ab.power import Design
from rnn_vs_attn.ab.runner import Pairs
from rnn_vs_attn.ab.stages import NAME, Cell, Stage
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.preliminary import LOOKS
from rnn_vs_attn.compare.verdicts import ALPHA, SCREEN, SHOWN_LEVEL, SLOWER, UNSURE, Comparison
from rnn_vs_attn.limits import PairLimits
from rnn_vs_attn.records.types import Sample, key_of
from rnn_vs_attn.stats import rank_tests
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import Suite


@dataclass(frozen=True)
class Calibration:
    """The machine's own peak in the candidate's processes against the baseline's."""

    stage: int
    name: str
    ratio: float
    low: float | None
    high: float | None
    moved: bool


def calibrations(pairs: Pairs) -> list[Calibration]:
    """Every calibration kernel of both stages."""
    margin, found = verdicts.margin_of(pairs.limits.margin, "ratio"), []
    for stage in pairs.stages:
        for name, differences in stage.calibration.items():
            shift = rank_tests.paired_shift(differences, SHOWN_LEVEL)
            centre, low, high = verdicts.as_change(shift, "lower", "ratio")
            found.append(
                Calibration(
                    stage.number, name, centre, low, high, verdicts.moved(differences, margin, len(stage.calibration))
                )
            )
    return found


def judge(pairs: Pairs, gated: bool, interrupted: bool = False) -> list[Comparison]:
    """A verdict for every timed pass of every case. gated: a calibration kernel that moved unsettles all. interrupted:
    what a stage that is not whole has given is shown, and decides nothing.
    """
    tails = _tails(pairs)
    moved = {c.stage: c for c in calibrations(pairs) if c.moved and gated}
    found = []
    for case in pairs.cases:
        if case in pairs.failures:
            found += untimed(pairs.suite, case, pairs.passes, pairs.failures[case].verdict)
        else:
            cells = [Cell(case, name) for name in pairs.passes]
            for cell in cells:
                pending = interrupted and _pending(pairs, cell)
                row = _shown(pairs, cell) if pending else _judged(pairs, cell, tails, moved)
                found.append(acceptance.applied(row, pairs.limits, _exceeds(pairs, cell, tails)))
    return found


def _pending(pairs: Pairs, cell: Cell) -> bool:
    """Whether the stage that decides about a cell is not whole."""
    stage = pairs.stages[1 if cell in pairs.flagged else 0]
    return stage.pairs < stage.wanted


def _shown(pairs: Pairs, cell: Cell) -> Comparison:
    """A cell without a verdict as it stands, by the stage that has more of its pairs."""
    first, second = pairs.stages
    before, fresh = first.differences(cell), second.differences(cell)
    direction = pairs.flagged.get(cell, "")
    if direction:
        reason = f"preliminary: {len(fresh)} of {second.wanted} fresh pairs, looked {direction} before"
    else:
        direction = verdicts.flagged(before, pairs.margin(cell)) if len(before) >= LEAST_SCREEN else ""
        reason = f"preliminary: {len(before)} of {first.wanted} pairs{f', looks {direction} so far' * bool(direction)}"
    stage = second if len(fresh) >= max(1, len(before)) else first
    row = _row(pairs, cell, UNSURE, reason, stage, undecidable=True)
    looked = {LOOKS: direction} if len(before) >= LEAST_SCREEN else {}
    return dataclasses.replace(row, details=row.details | looked)


@dataclass(frozen=True)
class _Tails:
    """Of cells that were measured again, adjusted for all of them together.

    plain: against the margin; red: against what turns a build red, which of an accepted slowdown is further away.
    """

    plain: Mapping[Cell, float]
    red: Mapping[Cell, float]

    def of(self, pairs: Pairs, cell: Cell) -> float | None:
        """The one that tells whether a cell is slower or faster: there is one family of tests for what may be red."""
        return self.plain.get(cell) if acceptance.of_cell(pairs, cell) else self.red.get(cell)


def _tails(pairs: Pairs) -> _Tails:
    second = pairs.stages[1]
    fresh = {cell: second.differences(cell) for cell in pairs.flagged if second.observed.get(cell)}
    margins = {cell: pairs.margin(cell) for cell in fresh}
    red = {cell: acceptance.red_margin(pairs, cell) for cell in fresh}
    limited = {cell: margin for cell, margin in red.items() if margin is not None}
    return _Tails(*(verdicts.adjusted_tails(fresh, pairs.flagged, each) for each in (margins, limited)))


def _exceeds(pairs: Pairs, cell: Cell, tails: _Tails) -> bool:
    """Whether a cell is slower by more than what turns a build red."""
    margin = acceptance.red_margin(pairs, cell)
    if margin is None or tails.red.get(cell, 1.0) > ALPHA:
        return False
    return _by_clock(pairs, pairs.stages[1], cell, margin)[0] == SLOWER


def _judged(pairs: Pairs, cell: Cell, tails: _Tails, moved: Mapping[int, Calibration]) -> Comparison:
    """The verdict of a cell without a fault, whoever accepts it."""
    p = tails.of(pairs, cell)
    direction = pairs.flagged.get(cell, "")
    stage = pairs.stages[1 if direction else 0]
    differences, margin = stage.differences(cell), pairs.margin(cell)
    needed = _pairs_needed(pairs, stage)
    if len(differences) < max(stage.wanted, needed) or not differences:
        wanted = max(stage.wanted, needed)
        option = "--screen" if stage.number == 1 else "--confirm"
        way = "go on with --resume, or give more --max-seconds" if wanted == stage.wanted else f"give more {option}"
        reason = f"too few pairs: {len(differences)} in stage {stage.number}, {wanted} are needed; {way}"
        return _row(pairs, cell, UNSURE, reason, stage, undecidable=True)
    if direction:
        assert p is not None
        verdict, reason = verdicts.confirmed(p, differences, margin, direction)
    else:
        verdict, reason = verdicts.unflagged(differences, margin)
    if verdict == SLOWER:
        verdict, reason = _by_clock(pairs, stage, cell, margin)
    if stage.number in moved and verdict != UNSURE:
        calibration = moved[stage.number]
        verdict, reason = UNSURE, verdicts.machine_moved(calibration.name.split()[0], calibration.ratio)
    return _row(pairs, cell, verdict, reason, stage, p)


def _pairs_needed(pairs: Pairs, stage: Stage) -> int:
    if stage.number == 2:
        return rank_tests.pairs_needed(len(pairs.flagged), ALPHA)
    return rank_tests.pairs_needed(1, SCREEN)


def _by_clock(pairs: Pairs, stage: Stage, cell: Cell, margin: float) -> tuple[str, str]:
    """A slowdown under a lower clock is the machine's: on CUDA it must show in clock cycles too."""
    if not cell.case.device.startswith("cuda"):
        key = key_of(NAME, cell.metric, axes_of(cell.case) | {"side": CANDIDATE})
        lines = [line for line in pairs.journal.lines_of(key) if line.details.get("stage") == stage.number]
        changed = [line for line in lines if any("clock" in warning for warning in line.warnings)]
        if 2 * len(changed) > len(lines):
            return UNSURE, f"slower, and the CPU's clock changed in {len(changed)} of {len(lines)} pairs"
        return SLOWER, ""
    cycles = stage.cycles(cell)
    if cycles is None:
        return UNSURE, "slower, but the GPU's clock is not known; pip install 'rnn-vs-attn[gpu]'"
    if rank_tests.paired_tail(cycles, margin) > ALPHA:
        return UNSURE, "slower in seconds and not in clock cycles: the GPU's clock changed"
    return SLOWER, ""


def _row(
    pairs: Pairs,
    cell: Cell,
    verdict: str,
    reason: str,
    stage: Stage,
    p: float | None = None,
    undecidable: bool = False,
) -> Comparison:
    metric = pairs.suite.metric(cell.metric, axes_of(cell.case))
    row = Comparison.of(metric, NAME, axes_of(cell.case), verdict, reason, p=p, undecidable=undecidable)
    sides = _medians(pairs, cell, stage)
    row = dataclasses.replace(row, stage=stage.number, baseline=sides[BASELINE], candidate=sides[CANDIDATE])
    differences = stage.differences(cell)
    if not differences:
        return row
    shift = rank_tests.paired_shift(differences, SHOWN_LEVEL)
    centre, low, high = verdicts.as_change(shift, metric.better, metric.scale)
    design = Design(pairs.limits.screen, pairs.limits.confirm, max(1, len(pairs.flagged)))
    return dataclasses.replace(
        row,
        centre=centre,
        low=low,
        high=high,
        values=len(differences),
        detectable=None if undecidable else power.detectable(differences, pairs.margin(cell), design),
        details={"differences": differences, "screened": pairs.stages[0].differences(cell)},
    )


def _medians(pairs: Pairs, cell: Cell, stage: Stage) -> dict[str, float | None]:
    """Each side's median over the pairs of a stage."""
    found: dict[str, float | None] = {}
    for side in (BASELINE, CANDIDATE):
        key = key_of(NAME, cell.metric, axes_of(cell.case) | {"side": side})
        values = [
            line.value
            for line in pairs.journal.lines_of(key)
            if line.value is not None and line.details.get("stage") == stage.number
        ]
        found[side] = median(values) if values else None
    return found


# What is not timed


def exact(suite: Suite, case: Case, sides: Mapping[str, Sequence[Sample]], limits: PairLimits) -> list[Comparison]:
    """Exact metrics of one case, from each side's samples: a growth beyond the margin counts at once."""
    by_key: dict[tuple[str, tuple[Any, ...]], dict[str, float | None]] = {}
    for side, samples in sides.items():
        for sample in samples:
            metric = suite.metric(sample.metric, axes_of(case) | sample.axes)
            if metric.exact and metric.better != "none":
                by_key.setdefault((metric.name, tuple(sorted(sample.axes.items()))), {})[side] = sample.value
    rows = []
    for (name, added), values in by_key.items():
        axes = axes_of(case) | dict(added)
        margin = limits.margin_of(name, axes)
        row = verdicts.exact_row(
            suite.metric(name, axes), axes, values.get(BASELINE), values.get(CANDIDATE), margin, NAME
        )
        rows.append(acceptance.applied(row, limits, acceptance.exceeded(row, limits)))
    return rows


def untimed(suite: Suite, case: Case, passes: Sequence[str], known: Untimed) -> list[Comparison]:
    """Rows of a case that is not timed: one a pass, with the verdict that is known."""
    metrics = [suite.metric(f"{name}_time", axes_of(case)) for name in passes]
    return [Comparison.of(metric, NAME, axes_of(case), known.verdict, known.reason) for metric in metrics]
