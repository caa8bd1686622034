"""`ab` from its first pair of processes to its last: order, two stages, lines and records. It never imports torch.

A pair is a fresh process of each side; a case's observation is the median over its blocks of log(candidate / baseline).
Stage 1 takes all cases, stage 2 takes fresh pairs of those that stage 1 flagged, and only they decide about them.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rnn_vs_attn.ab.blocks import CaseBlocks, Taken
from rnn_vs_attn.ab.failures import Failure
from rnn_vs_attn.ab.journal import PairJournal
from rnn_vs_attn.ab.processes import Fault, Processes, both_from, cores_of
from rnn_vs_attn.ab.stages import CYCLES, RATIO, Cell, Observation, Progress, Silence, Stage
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.limits import PairLimits, TimeIsUp, deadline
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.worker import machine_peaks
from rnn_vs_attn.worker.client import Worker
from rnn_vs_attn.worker.protocol import ReadMachinePeaks

# Of each setting and side the machine's own peaks by their name.
MachinePeaks = dict[ReadMachinePeaks, dict[str, dict[str, float]]]


@dataclass
class Pairs:
    """All pairs of one call. `start_workers` and `clock` are the seam at which tests put others.

    cores: processors to keep pairs on, () where they cannot be chosen. failures: what cost a case its numbers.
    """

    suite: Suite
    cases: Sequence[Case]
    passes: Sequence[str]
    limits: PairLimits
    folder: RunFolder
    start_workers: Callable[[], Mapping[str, Worker]]
    cores: Sequence[int] = ()
    progress: Progress = field(default_factory=Silence)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.failures: dict[Case, Failure] = {}
        self.stages = (Stage(1, self.limits.screen), Stage(2, self.limits.confirm))
        self.journal = PairJournal(self.suite, self.folder)
        self.peak_unknown = ""  # why the machine's own peak could not be read
        self.flagged: dict[Cell, str] = {}
        self._processes = Processes(self.start_workers, self.cores, self.clock)
        self.blocks = CaseBlocks(self.suite, self.limits, self._processes, self.clock)
        self.start_up: list[float] = []
        self._ends = 0.0

    def run(self) -> bool:
        """Both stages; whether there was time for all of them. Interruptions pass through; the processes are ended all
        the same.
        """
        self._ends = self.clock() + self.limits.max_seconds
        first, second = self.stages
        try:
            self._stage(first, [Cell(case, name) for case in self.cases for name in self.passes])
            self.flagged = self._flagged()
            if self.flagged:
                seconds, left = self._estimate(self.flagged), self._ends - self.clock()
                self.progress.stage_two(len(self.flagged), len(first.observed), second, seconds, left)
                self._stage(second, list(self.flagged))
            return True
        except TimeIsUp:
            return False
        finally:
            self._processes.end()
            if first.pairs == first.wanted:  # an interruption may come between
                self.flagged = self._flagged()
            self.journal.write_records()

    @property
    def noted(self) -> Mapping[tuple[str, str], set[str]]:
        """Warnings about a model, and of which sides they are true."""
        return self.blocks.noted

    def _flagged(self) -> dict[Cell, str]:
        """What goes on to the second stage, each with the direction in which the first has seen it."""
        first = self.stages[0]
        directions = {cell: self._direction(cell, first.differences(cell)) for cell in first.observed}
        after = self.limits.screen
        return {cell: way for cell, way in directions.items() if way and not self._failed_before(cell.case, after)}

    def _failed_before(self, case: Case, index: int) -> bool:
        """Whether a case failed in a pair before that one."""
        return case in self.failures and self.failures[case].index < index

    def margin(self, cell: Cell) -> float:
        """By how much a cell may be slower, as a logarithm."""
        return verdicts.margin_of(self.limits.margin_of(cell.metric, axes_of(cell.case)), "ratio")

    def _direction(self, cell: Cell, differences: Sequence[float]) -> str:
        """In which a cell goes on to the second stage, "" where in none."""
        rule = verdicts.to_settle if self.limits.settle else verdicts.flagged
        return rule(differences, self.margin(cell))

    def _estimate(self, cells: Iterable[Cell]) -> float:
        """Seconds that the second stage will take, from what the first took."""
        a_pair = median(self.start_up) + sum(median(self.blocks.seconds[cell]) for cell in cells)
        return a_pair * (self.limits.confirm - self.stages[1].pairs)

    # One stage

    def _stage(self, stage: Stage, cells: Sequence[Cell]) -> None:
        starts = {cell.case: self._starts(stage, str(axes_of(cell.case))) for cell in cells}
        peak_starts = self._starts(stage, "machine peaks")
        for number in range(stage.pairs, stage.wanted):
            index = number if stage.number == 1 else self.limits.screen + number
            left = [cell for cell in cells if not self._failed_before(cell.case, index)]
            if not left:
                return
            begun = self.clock()
            self.progress.pair_begins(stage, len({cell.case for cell in left}))
            self._pair(stage, index, left, {c: s[number] for c, s in starts.items()}, peak_starts[number])
            stage.pairs += 1
            self.journal.end_pair(index, self.clock() - begun, self._of_pair())
            self.progress.pair_ends(stage, self.clock() - begun)

    def _of_pair(self) -> dict[str, Any]:
        """What is known after a pair and stands in no sample."""
        noted = [[model, text, sorted(sides)] for (model, text), sides in self.noted.items()]
        return {"start_up": self.start_up[-1], "noted": noted, "peak_unknown": self.peak_unknown}

    def _starts(self, stage: Stage, of: str) -> list[str]:
        """Which side begins in each pair: at random, each as often as the other."""
        order = [SIDES[i % 2] for i in range(stage.wanted)]
        random.Random(f"{self.limits.seed}-{stage.number}-{of}").shuffle(order)
        return order

    def _pair(self, stage: Stage, index: int, cells: Sequence[Cell], starts: dict[Case, str], peak_start: str) -> None:
        begun = self.clock()
        self._check_time()
        self._processes.start(index, max(cores_of(cell.case) for cell in cells))
        before = self._machine_peaks(cells, both_from(peak_start))
        self.start_up.append(self.clock() - begun)
        cases = list(dict.fromkeys(cell.case for cell in cells))
        number = index if stage.number == 1 else index - self.limits.screen
        random.Random(f"{self.limits.seed}-{stage.number}-{number}").shuffle(cases)
        for done, case in enumerate(cases):
            if case in self.failures:  # in this pair, before it was cut off and begun again
                continue
            self._check_time()
            self.progress.case_begins(case, done)
            self._case(stage, index, case, [cell.name for cell in cells if cell.case == case], starts[case])
        self._calibrate(stage, index, [before, self._machine_peaks(cells, both_from(peak_start)[::-1])])
        self._processes.end()

    def _check_time(self) -> None:
        if self.clock() > self._ends:
            raise TimeIsUp

    # The machine's own peak

    def _machine_peaks(self, cells: Sequence[Cell], order: Sequence[str]) -> MachinePeaks:
        """As each side's process finds it, for every setting that cells run under."""
        found: MachinePeaks = {}
        for setting in machine_peaks.settings(self.suite, {cell.case for cell in cells}):
            for side in order:
                if self._processes.alive(side):
                    until = deadline(self.clock(), self.limits.timeout, "pair")
                    try:
                        samples = self._processes.ask(side, setting, until).samples
                    except Fault as fault:  # a machine whose peak cannot be measured still runs the cases
                        self.peak_unknown = self.peak_unknown or fault.fault.reason
                        continue
                    plain = {s.metric: s.value for s in samples if s.value is not None and not s.axes}
                    found.setdefault(setting, {})[side] = plain
        return found

    def _calibrate(self, stage: Stage, index: int, readings: Sequence[MachinePeaks]) -> None:
        """One observation of each kernel: the best of a side's readings at the beginning and end of a pair."""
        for setting in readings[0]:
            axes = machine_peaks.axes_of_setting(setting)
            both = [found[setting] for found in readings if len(found.get(setting, {})) == len(SIDES)]
            for name in both[0][BASELINE] if both else ():
                metric = self.suite.metric(name, axes)
                best = {side: machine_peaks.best(metric, [found[side][name] for found in both]) for side in SIDES}
                for side, value in best.items():
                    self.journal.append({**axes, "side": side}, index, Sample(name, value))
                key = " ".join([name, *map(str, axes.values())])
                stage.calibration.setdefault(key, []).append(math.log(best[CANDIDATE] / best[BASELINE]))

    # One case

    def _case(self, stage: Stage, index: int, case: Case, names: Sequence[str], start: str) -> None:
        """Its passes in one pair; a fault of one side is recorded and costs this case only, once it was tried again."""
        try:
            taken, warnings = self.blocks.take(case, names, start, index)
        except Fault as fault:
            failure = Failure(fault.side, fault.fault, self.blocks.again(case, names, index), index)
            self.journal.fault(case, self.passes, failure)
            self.failures[case] = failure
            return
        for name, blocks in taken.items():
            seconds = self.blocks.seconds[Cell(case, name)][-1]
            details = {"stage": stage.number, "first": start, "loops": blocks.loops, "seconds": seconds}
            self._observe(stage, index, Cell(case, name), blocks, warnings, details)

    def _observe(
        self,
        stage: Stage,
        index: int,
        cell: Cell,
        taken: Taken,
        warnings: Mapping[str, list[str]],
        details: dict[str, Any],
    ) -> None:
        for side in SIDES:
            seconds = taken.seconds(side)
            kept = details | {"care": asdict(self.blocks.cares[side, cell])}
            sample = Sample(cell.metric, median(seconds), {"side": side}, seconds, list(warnings[side]), kept)
            self.journal.append(axes_of(cell.case), index, sample)
        observed = self._append_ratio(index, cell, RATIO.name, taken.ratios, details)
        cycles = None
        if taken.cycle_ratios:
            cycles = self._append_ratio(index, cell, CYCLES.name, taken.cycle_ratios, details)
        stage.observed.setdefault(cell, []).append(Observation(observed, cycles))

    def _append_ratio(self, index: int, cell: Cell, metric: str, ratios: list[float], details: dict[str, Any]) -> float:
        """Keep the median over blocks; its logarithm."""
        found = median(math.log(ratio) for ratio in ratios)
        sample = Sample(metric, math.exp(found), {"pass": cell.name}, ratios, details=details)
        self.journal.append(axes_of(cell.case), index, sample)
        return found
