"""What `ab` shows on standard error while it works."""

from __future__ import annotations

from types import TracebackType

from rich.progress import TaskID

from rnn_vs_attn.ab.runner import PairLimits, Stage
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run.progress import bar
from rnn_vs_attn.suites.suite import Case
from rnn_vs_attn.units import duration


class PairsShown:
    """A moving bar on a terminal, one line a pair elsewhere."""

    def __init__(self, console: Terminal, limits: PairLimits) -> None:
        self._console = console
        self._limits = limits
        self._bar = bar(console)
        self._task: TaskID | None = None
        self._stage: Stage | None = None
        self._left = ""

    def __enter__(self) -> PairsShown:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def pair_begins(self, stage: Stage, cells: int) -> None:
        self._stage = stage
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(self._name(), total=cells, left=self._left)

    def case_begins(self, case: Case, done: int) -> None:
        if self._task is not None:
            name = f"{self._name()} · {case.label} {case.seq_len}"
            self._bar.update(self._task, description=name, completed=done, left=self._left)
            self._bar.refresh()

    def pair_ends(self, stage: Stage, seconds: float) -> None:
        ahead = (stage.wanted - stage.pairs) * seconds
        self._left = f"about {duration(ahead)} left" if ahead else ""
        if not self._console.is_terminal:
            text = f"stage {stage.number}, pair {stage.pairs} of {stage.wanted} took {duration(seconds)}"
            self._console.print(f"{text}; {self._left or 'done'}")

    def stage_two(self, flagged: int, cells: int, pairs: int, seconds: float, left: float) -> None:
        fits = seconds <= left
        text = (
            f"{flagged} of {cells} timed passes are flagged; {pairs} fresh pairs of them take about {duration(seconds)}"
        )
        short = (
            ""
            if fits
            else f", more than the {duration(max(left, 0))} that --max-seconds leaves: verdicts may be missing"
        )
        self._console.print(text + short, style="green" if fits else "red", soft_wrap=True)
        self._left = ""

    def _name(self) -> str:
        assert self._stage is not None
        return f"stage {self._stage.number}, pair {self._stage.pairs + 1} of {self._stage.wanted}"
