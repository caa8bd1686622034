"""`ab` from its first pair of processes to its last: order, blocks in turn, two stages. It never imports torch.

A pair is a fresh process of each side. Both hold the same case and compute one at a time, a block each, in the order
ABBA; a case's observation is the median over its blocks of log(candidate / baseline). Stage 1 takes all cases, stage 2
takes fresh pairs of those that stage 1 flagged, and only they decide about them.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Protocol

from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import Budget, Plan
from rnn_vs_attn.records.build import build_record, group_lines
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.types import Key, Metric, Record, SampleLine
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.worker.client import Worker

NAME = "ab"
_UNDISTURBED = 0.05  # seconds of a call that hardly feels what the other side left in the caches
RATIO = Metric("ratio", "1", "none", title="candidate / baseline in one pair: the median over blocks")
CYCLES = Metric("cycle_ratio", "1", "none", title="the same in clock cycles of the GPU")


@dataclass(frozen=True)
class PairLimits:
    """How many pairs each stage has and what they may take. margin: a part, 0.03 is 3 %."""

    margin: float = 0.03
    screen: int = 8
    confirm: int = 20
    max_seconds: float = 900.0
    timeout: float = 120.0
    max_memory: int | None = None
    seed: int = 0
    budget: Budget = field(default_factory=lambda: Budget(warm_up=0.1, max_warm_up=0.3, min_blocks=4, case=0.12))


@dataclass(frozen=True)
class Cell:
    """One timed pass of one case."""

    case: Case
    name: str

    @property
    def metric(self) -> str:
        return f"{self.name}_time"


@dataclass(frozen=True)
class Observation:
    """A cell in one pair: log(candidate / baseline) of time, and of clock cycles where the clock is known."""

    time: float
    cycles: float | None


@dataclass
class Stage:
    """What the pairs of one stage have given so far. calibration: log ratios of the machine's own peaks."""

    number: int
    wanted: int
    observed: dict[Cell, list[Observation]] = field(default_factory=dict)
    calibration: dict[str, list[float]] = field(default_factory=dict)
    pairs: int = 0

    def differences(self, cell: Cell) -> list[float]:
        return [seen.time for seen in self.observed.get(cell, [])]

    def cycles(self, cell: Cell) -> list[float] | None:
        """Differences in clock cycles; None where the clock was not known throughout."""
        seen = [o.cycles for o in self.observed.get(cell, [])]
        return None if None in seen else [c for c in seen if c is not None]


Peaks = dict[str, dict[str, float]]  # of each side the machine's own peaks by their name


class Progress(Protocol):
    """Who is told how the pairs go on."""

    def pair_begins(self, stage: Stage, cells: int) -> None: ...

    def case_begins(self, case: Case, done: int) -> None: ...

    def pair_ends(self, stage: Stage, seconds: float) -> None: ...

    def stage_two(self, flagged: int, cells: int, pairs: int, seconds: float, left: float) -> None: ...


class Silence:
    """No progress."""

    def pair_begins(self, stage: Stage, cells: int) -> None:
        return None

    def case_begins(self, case: Case, done: int) -> None:
        return None

    def pair_ends(self, stage: Stage, seconds: float) -> None:
        return None

    def stage_two(self, flagged: int, cells: int, pairs: int, seconds: float, left: float) -> None:
        return None


class _TimeIsUp(Exception):
    """--max-seconds has passed."""


@dataclass
class Pairs:
    """All pairs of one call. `start_workers` and `clock` are the seam at which tests put others.

    cores: processors to keep pairs on, () where they cannot be chosen. faults: what cost a case its numbers, and where.
    """

    suite: Suite
    cases: Sequence[Case]
    passes: Sequence[str]
    limits: PairLimits
    folder: RunFolder
    start_workers: Callable[[], dict[str, Any]]
    cores: Sequence[int] = ()
    progress: Progress = field(default_factory=Silence)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.faults: dict[Case, tuple[str, CaseFault]] = {}
        self.stages = (Stage(1, self.limits.screen), Stage(2, self.limits.confirm))
        self.lines: list[SampleLine] = []
        self.noted: dict[tuple[str, str], set[str]] = {}  # warnings about a model, and of which sides it is true
        self.peak_unknown = ""  # why the machine's own peak could not be read
        self.flagged: dict[Cell, str] = {}
        self._plans: dict[Cell, Plan] = {}
        self._cares: dict[tuple[str, Cell], Any] = {}  # what has to be renewed before each call
        self._seconds: dict[Cell, list[float]] = {}
        self._start_up: list[float] = []
        self._workers: dict[str, Worker] = {}
        self._deadline = 0.0

    def run(self) -> None:
        """Both stages. Interruptions pass through; the processes are ended all the same."""
        self._deadline = self.clock() + self.limits.max_seconds
        first, second = self.stages
        margin = verdicts.margin_of(self.limits.margin, "ratio")
        try:
            self._stage(first, [Cell(case, name) for case in self.cases for name in self.passes])
            directions = {cell: verdicts.flagged(first.differences(cell), margin) for cell in first.observed}
            self.flagged = {cell: way for cell, way in directions.items() if way and cell.case not in self.faults}
            if self.flagged:
                seconds, left = self._estimate(self.flagged), self._deadline - self.clock()
                self.progress.stage_two(len(self.flagged), len(first.observed), second.wanted, seconds, left)
                self._stage(second, list(self.flagged))
        except _TimeIsUp:
            pass
        finally:
            self._end_workers()
            self.folder.write_records(self.records())

    def records(self) -> list[Record]:
        """Each side's times, their ratios and the machine's own peaks, a sample a pair."""
        groups = group_lines(self.lines).items()
        return [build_record(self._metric(key[1], dict(key[2])), lines) for key, lines in groups]

    def lines_of(self, key: Key) -> list[SampleLine]:
        """The samples of one key, in order."""
        return [line for line in self.lines if line.key == key]

    def _metric(self, name: str, axes: dict[str, Any]) -> Metric:
        own = {metric.name: metric for metric in (RATIO, CYCLES)}
        return own.get(name) or self.suite.metric(name, axes)

    def _estimate(self, cells: Iterable[Cell]) -> float:
        """Seconds that the second stage will take, from what the first took."""
        a_pair = median(self._start_up) + sum(median(self._seconds[cell]) for cell in cells)
        return a_pair * self.limits.confirm

    # One stage

    def _stage(self, stage: Stage, cells: Sequence[Cell]) -> None:
        starts = {cell.case: self._starts(stage, str(axes_of(cell.case))) for cell in cells}
        anchor_starts = self._starts(stage, "anchor")
        for number in range(stage.wanted):
            left = [cell for cell in cells if cell.case not in self.faults]
            if not left:
                return
            begun = self.clock()
            self.progress.pair_begins(stage, len({cell.case for cell in left}))
            self._pair(stage, number, left, {c: s[number] for c, s in starts.items()}, anchor_starts[number])
            stage.pairs += 1
            self.folder.write_records(self.records())
            self.progress.pair_ends(stage, self.clock() - begun)

    def _starts(self, stage: Stage, of: str) -> list[str]:
        """Which side begins in each pair: at random, each as often as the other."""
        order = [SIDES[i % 2] for i in range(stage.wanted)]
        random.Random(f"{self.limits.seed}-{stage.number}-{of}").shuffle(order)
        return order

    def _pair(
        self, stage: Stage, number: int, cells: Sequence[Cell], starts: dict[Case, str], anchor_start: str
    ) -> None:
        begun = self.clock()
        self._check_time()
        index = number if stage.number == 1 else self.limits.screen + number
        self._start_workers(index, max(cell.case.threads for cell in cells))
        peaks = self._peaks(cells, _turn(anchor_start))
        self._start_up.append(self.clock() - begun)
        cases = list(dict.fromkeys(cell.case for cell in cells))
        random.Random(f"{self.limits.seed}-{stage.number}-{number}").shuffle(cases)
        for done, case in enumerate(cases):
            self._check_time()
            self.progress.case_begins(case, done)
            names = [cell.name for cell in cells if cell.case == case]
            try:
                self._case(stage, index, case, names, starts[case])
            except _Fault as fault:
                self.faults[case] = (fault.side, fault.fault)
                self._append_fault(index, case, fault)
        self._calibrate(stage, index, [peaks, self._peaks(cells, _turn(anchor_start)[::-1])])
        self._end_workers()

    def _check_time(self) -> None:
        if self.clock() > self._deadline:
            raise _TimeIsUp

    def _peaks(self, cells: Sequence[Cell], order: Sequence[str]) -> dict[tuple[Any, ...], Peaks]:
        """The machine's own peaks as each side's process finds them, for every setting that cells run under."""
        settings = {tuple(axes_of(c.case)[name] for name in self.suite.axes.anchor) for c in cells}
        found: dict[tuple[Any, ...], Peaks] = {}
        for values in sorted(settings, key=str):
            axes = dict(zip(self.suite.axes.anchor, values, strict=True))
            for side in order:
                if self._workers[side].alive:
                    try:
                        samples = self._ask(side, "anchor", self.limits.timeout, **axes)["samples"]
                    except _Fault as fault:  # a machine whose peak cannot be measured still runs the cases
                        self.peak_unknown = self.peak_unknown or fault.fault.reason
                        continue
                    plain = {s["metric"]: s["value"] for s in samples if not s["axes"]}
                    found.setdefault(values, {})[side] = plain
        return found

    def _calibrate(self, stage: Stage, index: int, readings: Sequence[dict[tuple[Any, ...], Peaks]]) -> None:
        """One observation of each kernel: the best of a side's readings at the beginning and end of a pair."""
        for values in readings[0]:
            axes = dict(zip(self.suite.axes.anchor, values, strict=True))
            both = [found[values] for found in readings if len(found.get(values, {})) == len(SIDES)]
            for name in both[0][BASELINE] if both else ():
                best = max if self.suite.metric(name, axes).better == "higher" else min
                peaks = {side: best(found[side][name] for found in both) for side in SIDES}
                for side, value in peaks.items():
                    self._append(axes | {"side": side}, name, index, value)
                key = " ".join([name, *(str(v) for v in values)])
                stage.calibration.setdefault(key, []).append(math.log(peaks[CANDIDATE] / peaks[BASELINE]))

    # One case

    def _case(self, stage: Stage, index: int, case: Case, names: Sequence[str], start: str) -> None:
        if not all(worker.alive for worker in self._workers.values()):  # a case before this one ended one
            self._start_workers(index, case.threads)
        until = self.clock() + self.limits.timeout
        fields = {"suite": self.suite.name, "case": axes_of(case), "max_memory": self.limits.max_memory}
        warnings: dict[str, list[str]] = {}
        begun = self.clock()
        for side in _turn(start):
            warnings[side] = self._ask(side, "prepare", until - self.clock(), seed=index, **fields)["warnings"]
            self._note(case, side, warnings[side])
        preparing = (self.clock() - begun) / len(names)
        taken = {}
        for name in names:
            begun = self.clock()
            taken[name] = self._blocks(Cell(case, name), start, until, warnings)
            self._seconds.setdefault(Cell(case, name), []).append(preparing + self.clock() - begun)
        for side in SIDES:
            warnings[side] += self._ask(side, "release", until - self.clock())["warnings"]
        for name, (plan, blocks) in taken.items():
            self._observe(stage, index, Cell(case, name), plan, blocks, warnings, start)

    def _note(self, case: Case, side: str, warnings: Sequence[str]) -> None:
        for text in warnings:
            self.noted.setdefault((case.model, text), set()).add(side)

    def _blocks(
        self, cell: Cell, start: str, until: float, warnings: dict[str, list[str]]
    ) -> tuple[Plan, dict[str, list[dict[str, Any]]]]:
        """Blocks of both sides in turn, each after a call that is thrown away.

        How many calls a block has is fixed by the baseline in the first pair.
        """
        known = self._plans.get(cell)
        for side in SIDES if known is None else _turn(start):
            left = until - self.clock()
            fields = {"plan": asdict(known) if known else None, "care": self._cares.get((side, cell))}
            ready = self._ask(side, "ready", left, name=cell.name, budget=asdict(self.limits.budget), **fields)
            self._cares.setdefault((side, cell), ready["care"])
            self._note(cell.case, side, ready["warnings"])
            warnings[side] += ready["warnings"]
            if known is None:
                known = Plan(ready["loops"], ready["num_blocks"] + ready["num_blocks"] % 2)
        assert known is not None
        self._plans[cell] = known
        blocks: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        seconds = 0.0
        for number in range(known.num_blocks):
            for side in _turn(start) if number % 2 == 0 else reversed(_turn(start)):
                if seconds < _UNDISTURBED:  # else a block after the other side's is slower than one after its own
                    self._ask(side, "block", until - self.clock(), name=cell.name, loops=1)
                answer = self._ask(side, "block", until - self.clock(), name=cell.name, loops=known.loops)
                seconds = answer["seconds"]
                blocks[side].append(answer)
        return known, blocks

    def _observe(
        self,
        stage: Stage,
        index: int,
        cell: Cell,
        plan: Plan,
        blocks: dict[str, list[dict[str, Any]]],
        warnings: dict[str, list[str]],
        start: str,
    ) -> None:
        seconds = {side: [block["seconds"] for block in blocks[side]] for side in SIDES}
        ratios = [c / b for c, b in zip(seconds[CANDIDATE], seconds[BASELINE], strict=True)]
        details = {"stage": stage.number, "first": start, "loops": plan.loops}
        for side in SIDES:
            axes = axes_of(cell.case) | {"side": side}
            self._append(axes, cell.metric, index, median(seconds[side]), seconds[side], warnings[side], details)
        axes = axes_of(cell.case) | {"pass": cell.name}
        observed = median(math.log(ratio) for ratio in ratios)
        self._append(axes, RATIO.name, index, math.exp(observed), ratios, details=details)
        clocks = {side: [block.get("clock_mhz") for block in blocks[side]] for side in SIDES}
        cycles = None
        if all(itertools.chain.from_iterable(clocks.values())):
            in_cycles = [r * c / b for r, c, b in zip(ratios, clocks[CANDIDATE], clocks[BASELINE], strict=True)]
            cycles = median(math.log(ratio) for ratio in in_cycles)
            self._append(axes, CYCLES.name, index, math.exp(cycles), in_cycles, details=details)
        stage.observed.setdefault(cell, []).append(Observation(observed, cycles))

    # The workers

    def _ask(self, side: str, do: str, timeout: float, **fields: Any) -> dict[str, Any]:
        worker = self._workers[side]
        try:
            return worker.ask(do, max(timeout, 0.001), **fields)
        except CaseFault as fault:
            raise _Fault(side, _said(fault, self.limits.timeout)) from None
        except UserError as error:
            if not worker.alive:
                raise
            raise _Fault(side, CaseFault("failed", str(error))) from None

    def _start_workers(self, index: int, threads: int) -> None:
        """Both sides' processes on the same processors, other ones in the next pair.

        They take turns, so they do not disturb each other there; but one processor can be up to half as fast as its
        neighbour for as long as somebody else is busy beside it, which would look like a difference of the code.
        """
        self._end_workers()
        self._workers = self.start_workers()
        if threads < len(self.cores):
            chosen = {self.cores[(index * threads + i) % len(self.cores)] for i in range(threads)}
            for worker in self._workers.values():
                worker.pin(chosen)

    def _end_workers(self) -> None:
        for worker in self._workers.values():
            if worker.alive:
                worker.close()
        self._workers = {}

    # The lines

    def _append_fault(self, index: int, case: Case, fault: _Fault) -> None:
        for name in self.passes:
            self._append(
                axes_of(case) | {"side": fault.side},
                f"{name}_time",
                index,
                None,
                status=fault.fault.status,
                error=fault.fault.reason,
            )

    def _append(
        self,
        axes: dict[str, Any],
        metric: str,
        index: int,
        value: float | None,
        blocks: Sequence[float] = (),
        warnings: Sequence[str] = (),
        details: dict[str, Any] | None = None,
        status: str = "ok",
        error: str = "",
    ) -> None:
        line = SampleLine(
            NAME,
            axes,
            metric,
            index,
            value,
            blocks=list(blocks),
            status=status,
            error=error,
            warnings=list(warnings),
            details=details or {},
        )
        self.folder.append(line)
        self.lines.append(line)


class _Fault(Exception):
    """A fault of one side that costs this case."""

    def __init__(self, side: str, fault: CaseFault) -> None:
        super().__init__(fault.reason)
        self.side = side
        self.fault = fault


def _said(fault: CaseFault, timeout: float) -> CaseFault:
    if fault.status != "timeout":
        return fault
    return CaseFault("timeout", f"it took longer in one pair than --timeout {timeout:g} allows")


def _turn(start: str) -> list[str]:
    return [BASELINE, CANDIDATE] if start == BASELINE else [CANDIDATE, BASELINE]
