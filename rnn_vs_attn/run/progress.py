"""What a run shows on standard error while it works."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from rnn_vs_attn.limits import LOOKS, Limits
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.terminal import Terminal
from rnn_vs_attn.run.planned import Planned
from rnn_vs_attn.suites.case import Case
from rnn_vs_attn.units import duration
from rnn_vs_attn.worker.protocol import Trained

_ROOM = 120  # columns, below which a line of progress says less, so that it stays one
_BAR = 20  # columns
_TELLING = 5  # seconds of trainings, before which their speed says little


class _Words(ProgressColumn):
    """Text that `write` makes of a task, which is data."""

    def __init__(self, console: Terminal, write: Callable[[Task], str]) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis"))
        self._console, self._write = console, write

    def render(self, task: Task) -> Text:
        return self._console.render_str(self._write(task))


def bar(console: Terminal) -> Progress:
    """What moves on a terminal, and is nothing elsewhere."""
    return Progress(
        SpinnerColumn("dots" if console.safe("⠋") == "⠋" else "line"),
        _Words(console, lambda task: task.description),
        BarColumn(bar_width=_BAR if console.width >= _ROOM else _BAR // 2),
        _Words(console, lambda task: f"{task.completed:.0f}/{task.total:.0f}"),
        _Words(console, lambda task: task.fields["left"]),
        console=console,
        transient=True,
        auto_refresh=False,  # a drawing thread would take turns with what is being timed
        disable=not console.is_terminal,
    )


class Bar:
    """What moves on a terminal from task to task while this is entered, and is nothing elsewhere."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._bar = bar(console)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _begin(self, description: str, total: int, left: str) -> None:
        """The next task, in place of the one before."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(description, total=total, left=left)

    def _move(self, description: str, completed: int, left: str) -> None:
        if self._task is not None:
            self._bar.update(self._task, description=description, completed=completed, left=left)
            self._bar.refresh()


class Shown(Bar):
    """A moving bar on a terminal, one line a round elsewhere.

    phases: how often a round goes over its cases. after_first_round: shows a first table.
    """

    def __init__(
        self,
        console: Terminal,
        limits: Limits,
        phases: int,
        after_first_round: Callable[[Sequence[Record]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console)
        self._limits = limits
        self._phases = phases
        self._clock = clock
        self._after_first_round = after_first_round
        self._seen: set[tuple[Case, bool]] = set()
        self._cases = 0
        self._begun = clock()
        self._round_begun = self._begun
        self._round_seconds = 0.0
        self._number = 0

    def round_begins(self, number: int, num_cases: int) -> None:
        self._number, self._cases, self._round_begun = number, num_cases, self._clock()
        self._seen = set()
        self._begin(f"round {number + 1}", num_cases * self._phases, "")

    def case_begins(self, case: Case, what: str) -> None:
        self._seen.add((case, what == "memory"))
        name = f"round {self._number + 1} of {self._of()} · {case.label} {case.seq_len} {what}"
        self._move(name, len(self._seen) - 1, self._left())

    def case_goes_on(self, case: Case, told: Trained) -> None:
        """Of a training, which this one knows none of."""

    def case_ends(self, case: Case) -> None:
        """As above."""

    def round_ends(self, number: int, records: Sequence[Record]) -> None:
        self._round_seconds = self._clock() - self._round_begun
        if not self._console.is_terminal:
            took, left = duration(self._round_seconds), self._left() or "done"
            self._console.print(f"round {number + 1} of {self._of()} took {took}; {left}", soft_wrap=True)
        if number == 0:
            self._after_first_round(records)

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _of(self) -> str:
        return str(self._limits.rounds) if self._limits.rounds is not None else f"{LOOKS[0]} to {LOOKS[-1]}"

    def _left(self) -> str:
        """How long it goes on, as far as what is finished tells."""
        if not self._round_seconds:
            return ""
        looks = (self._limits.rounds,) if self._limits.rounds is not None else LOOKS
        ahead = [look for look in looks if look > self._number]
        if not ahead:
            return ""
        least, most = ((look - self._number - 1) * self._round_seconds for look in (ahead[0], ahead[-1]))
        least, most = (self._within(bound) for bound in (least, most))
        if not most:
            return ""
        if least < 1:
            return f"at most about {duration(most)} left"
        if duration(least) == duration(most):
            return f"about {duration(most)} left"
        return f"about {duration(least)} to {duration(most)} left"

    def _within(self, seconds: float) -> float:
        """No more than there is time for."""
        return max(0.0, min(seconds, self._limits.max_seconds - (self._clock() - self._begun)))


class ShownTrainings(Shown):
    """The same of trainings, where one that ends is a line too.

    later: how many each round after the first has, which has others.
    """

    def __init__(
        self,
        console: Terminal,
        limits: Limits,
        after_first_round: Callable[[Sequence[Record]], None],
        later: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console, limits, 1, after_first_round, clock)
        self._later = later
        self._goes_on: dict[Case, float] = {}  # how much of each training under way is done
        self._trained = 0  # in all rounds

    def round_begins(self, number: int, num_cases: int) -> None:
        self._goes_on = {}
        super().round_begins(number, num_cases)

    def case_goes_on(self, case: Case, told: Trained) -> None:
        self._goes_on[case] = told.step / told.steps
        where = f"{case.label}: step {told.step} of {told.steps}"
        if self._console.width >= _ROOM:
            speed = f"loss {told.loss:.3g}, {told.tokens_per_second:,.0f} tokens/s"
            where = f"round {self._number + 1} of {self._of()} · {where}, {speed}"
        self._move(where, len(self._seen), self._left())

    def case_ends(self, case: Case) -> None:
        self._goes_on.pop(case, None)
        self._seen.add((case, False))
        self._trained += 1
        if not self._console.is_terminal:
            done = f"round {self._number + 1} of {self._of()}: {len(self._seen)} of {self._cases} trained"
            said = [f"{done}, the last one {case.label}, after {duration(self._clock() - self._begun)}", self._left()]
            self._console.print("; ".join(filter(None, said)), soft_wrap=True)

    def _left(self) -> str:
        """By the mean of the trainings so far."""
        under_way, spent = sum(self._goes_on.values()), self._clock() - self._begun
        done = self._trained + under_way
        later = (self._limits.wanted_rounds - self._number - 1) * self._later
        ahead = self._cases - len(self._seen) - under_way + later
        if spent < _TELLING or not done or not ahead:
            return ""
        return f"about {duration(self._within(spent / done * ahead))} left"


def shown_of(planned: Planned, console: Terminal, after_first_round: Callable[[Sequence[Record]], None]) -> Shown:
    """What a run shows."""
    if planned.lanes is not None:
        return ShownTrainings(console, planned.limits, after_first_round, planned.later_trainings)
    return Shown(console, planned.limits, 2 if planned.suite.rounds.afterwards else 1, after_first_round)
