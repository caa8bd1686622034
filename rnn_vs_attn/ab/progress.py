"""What `ab` shows on standard error while it works."""

from __future__ import annotations

from rnn_vs_attn.ab.stages import Stage
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run.progress import Bar
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.units import duration


class PairsShown(Bar):
    """A moving bar on a terminal, one line a pair elsewhere."""

    def __init__(self, console: Terminal) -> None:
        super().__init__(console)
        self._stage: Stage | None = None
        self._left = ""

    def pair_begins(self, stage: Stage, cells: int) -> None:
        self._stage = stage
        self._begin(self._name(), cells, self._left)

    def case_begins(self, case: Case, done: int) -> None:
        self._move(f"{self._name()} · {case.label} {case.seq_len}", done, self._left)

    def pair_ends(self, stage: Stage, seconds: float) -> None:
        ahead = (stage.wanted - stage.pairs) * seconds
        self._left = f"about {duration(ahead)} left" if ahead else ""
        if not self._console.is_terminal:
            text = f"stage {stage.number}, pair {stage.pairs} of {stage.wanted} took {duration(seconds)}"
            self._console.print(f"{text}; {self._left or 'done'}")

    def stage_two(self, flagged: int, cells: int, stage: Stage, seconds: float, left: float) -> None:
        fits = seconds <= left
        pairs = f"{stage.wanted - stage.pairs} {'more' if stage.pairs else 'fresh'} pairs"
        text = f"{flagged} of {cells} timed passes are flagged; {pairs} of them take about {duration(seconds)}"
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
