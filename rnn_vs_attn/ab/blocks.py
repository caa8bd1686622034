"""One case in one pair of processes: both hold it, and compute one at a time, a block each, in the order ABBA."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnn_vs_attn.ab.processes import Fault, Processes, both_from, cores_of
from rnn_vs_attn.ab.stages import Cell
from rnn_vs_attn.ab.versions import BASELINE, CANDIDATE, SIDES
from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.limits import Deadline, PairLimits, Plan, deadline
from rnn_vs_attn.records.timing import Block, Care
from rnn_vs_attn.stats.launches import launch_bound
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.worker.protocol import About, MakeReady, Prepare, Release, TimeBlock

_LAUNCH_BOUND = (
    "{} at seq_len {} is launch-bound, in a pair or more: its time is that of the host's launches, not the GPU's"
)
_UNDISTURBED = 0.05  # seconds of a call that hardly feels what the other side left in the caches


@dataclass(frozen=True)
class Taken:
    """The blocks of one timed pass in one pair, by side, in the order in which they were taken."""

    loops: int
    blocks: dict[str, list[Block]]

    def seconds(self, side: str) -> list[float]:
        return [block.seconds for block in self.blocks[side]]

    @property
    def ratios(self) -> list[float]:
        """candidate / baseline, a block each."""
        return [c / b for c, b in zip(self.seconds(CANDIDATE), self.seconds(BASELINE), strict=True)]

    def is_launch_bound(self, side: str) -> bool:
        """Whether in most blocks of a side the device waited for the host's launches."""
        known = [(block.lag, block.seconds) for block in self.blocks[side] if block.lag is not None]
        return 2 * sum(launch_bound(lag, seconds, self.loops) for lag, seconds in known) > len(known)

    @property
    def cycle_ratios(self) -> list[float]:
        """The same in clock cycles, [] where the clock was not known throughout."""
        clocks = {side: [block.clock_mhz for block in self.blocks[side]] for side in SIDES}
        if not all(itertools.chain.from_iterable(clocks.values())):
            return []
        mhz = zip(clocks[CANDIDATE], clocks[BASELINE], strict=True)
        return [r * c / b for r, (c, b) in zip(self.ratios, mhz, strict=True) if c and b]


class CaseBlocks:
    """What all pairs know of the cells that they time.

    noted: warnings about a model, and of which sides they are true; seconds: that each cell has taken, a pair each;
    cares: what each side takes care of.
    """

    def __init__(self, suite: Suite, limits: PairLimits, processes: Processes, clock: Callable[[], float]) -> None:
        self._suite, self._limits, self._processes, self._clock = suite, limits, processes, clock
        self.noted: dict[tuple[str, str], set[str]] = {}
        self.seconds: dict[Cell, list[float]] = {}
        self.cares: dict[tuple[str, Cell], Care] = {}
        self._plans: dict[Cell, Plan] = {}

    def remember(self, cell: Cell, side: str, plan: Plan, care: Care) -> None:
        """Go on with what the first pair of an earlier sitting has fixed."""
        self._plans.setdefault(cell, plan)
        self.cares.setdefault((side, cell), care)

    def take(
        self, case: Case, names: Sequence[str], start: str, index: int
    ) -> tuple[dict[str, Taken], dict[str, list[str]]]:
        """Of each pass its blocks, and of each side the warnings of its rows. Fault where a side fails.

        start: the side that begins; index: of the pair, the seed of weights and data.
        """
        if not all(self._processes.alive(side) for side in SIDES):  # a case before this one ended one
            self._processes.start(index, cores_of(case))
        begun = self._clock()
        until = deadline(begun, self._limits.timeout, "pair")
        warnings: dict[str, list[str]] = {}
        for side in both_from(start):
            request = Prepare(About.of(self._suite, case, self._limits.max_memory), seed=index)
            warnings[side] = list(self._processes.ask(side, request, until).warnings)
            self._note(case, side, warnings[side])
        preparing = (self._clock() - begun) / len(names)
        taken = {}
        for name in names:
            begun, cell = self._clock(), Cell(case, name)
            plan = self._ready(cell, start, until, warnings)
            taken[name] = self._blocks(cell, plan, start, until)
            for side in filter(taken[name].is_launch_bound, SIDES):
                text = _LAUNCH_BOUND.format(name, case.seq_len)
                self._note(case, side, [text])
                warnings[side].append(text)
            self.seconds.setdefault(cell, []).append(preparing + self._clock() - begun)
        for side in SIDES:
            warnings[side] += self._processes.ask(side, Release(), until).warnings
        return taken, warnings

    def again(self, case: Case, names: Sequence[str], index: int) -> dict[str, CaseFault]:
        """Of each side that cannot do as much by itself, in a fresh process, by what it fails."""
        self._processes.start(index, cores_of(case))
        found = {}
        for side in SIDES:
            try:
                self._alone(case, names, side, index)
            except Fault as fault:
                found[side] = fault.fault
        return found

    def _alone(self, case: Case, names: Sequence[str], side: str, index: int) -> None:
        until = deadline(self._clock(), self._limits.timeout, "pair")
        self._processes.ask(side, Prepare(About.of(self._suite, case, self._limits.max_memory), seed=index), until)
        for name in names:
            cell = Cell(case, name)
            request = MakeReady(name, self._limits.budget, self._plans.get(cell), self.cares.get((side, cell)))
            plan = self._processes.ask(side, request, until).plan
            for _ in range(plan.num_blocks):
                self._processes.ask(side, TimeBlock(name, plan.loops), until)
        self._processes.ask(side, Release(), until)

    def _note(self, case: Case, side: str, warnings: Sequence[str]) -> None:
        for text in warnings:
            self.noted.setdefault((case.model, text), set()).add(side)

    def _ready(self, cell: Cell, start: str, until: Deadline, warnings: dict[str, list[str]]) -> Plan:
        """Make a pass ready on both sides. How many calls a block has is fixed by the baseline in the first pair."""
        known = self._plans.get(cell)
        for side in SIDES if known is None else both_from(start):
            request = MakeReady(cell.name, self._limits.budget, known, self.cares.get((side, cell)))
            ready = self._processes.ask(side, request, until)
            self.cares.setdefault((side, cell), ready.care)
            self._note(cell.case, side, ready.warnings)
            warnings[side] += ready.warnings
            if known is None:
                known = Plan(ready.plan.loops, ready.plan.num_blocks + ready.plan.num_blocks % 2)
        assert known is not None
        self._plans[cell] = known
        return known

    def _blocks(self, cell: Cell, plan: Plan, start: str, until: Deadline) -> Taken:
        """Blocks of both sides in turn, each after a call that is thrown away."""
        blocks: dict[str, list[Block]] = {side: [] for side in SIDES}
        seconds = 0.0
        for number in range(plan.num_blocks):
            for side in both_from(start) if number % 2 == 0 else reversed(both_from(start)):
                if seconds < _UNDISTURBED:  # else a block after the other side's is slower than one after its own
                    self._processes.ask(side, TimeBlock(cell.name, loops=1), until)
                block = self._processes.ask(side, TimeBlock(cell.name, plan.loops), until)
                seconds = block.seconds
                blocks[side].append(block)
        return Taken(plan.loops, blocks)
