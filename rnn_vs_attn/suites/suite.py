"""What a suite is, in parts: its cases, its metrics, its rounds, what is read out of its records and how it is shown.

What runs in the worker is a `Measurement` of its own in the suite's `measure.py`; nothing here needs torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import ROUND_TIME, Axes, AxisValue, Metric, Record, Sample
from rnn_vs_attn.report.plots import Figure
from rnn_vs_attn.report.tables import Column, Pivot, Table
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.suites.metrics import ROUND_METRIC

MEASURE, PEAKS = "measure", "peaks"  # the two parts of a round that are not timed in blocks


@dataclass(frozen=True)
class Measured:
    """A metric of a suite, and what it is there for.

    owed: whether every case owes it in every round; a fault is recorded on those that it left out.
    precise: whether its interval decides when a run stops; where none's does, the fewest rounds do.
    echo: whether it says what another one says, and is not compared beside it.
    """

    metric: Metric
    owed: bool = False
    precise: bool = False
    echo: bool = False


@dataclass(frozen=True)
class CaseAxes:
    """Which cases a command has, and which of them belong together.

    case: the type of a case, whose fields are the command's options.
    row: those that always head a row of the table.
    implied: those that follow from these, and stand in table.csv only.
    compared: axes whose values are compared within a round; cases that differ in them alone are timed in a row.
    machine: those that the machine's own peaks depend on; none where they are not measured.
    complete: fills in the fields of a case that follow from others.
    check: UserError where the values that were given for the axes exclude each other.
    select: which cases of the product of all axes are measured, and what stands beside them, by whether no models were
    typed.
    takes: families that it takes beside layers: LANGUAGE, CONFIGURED, TRAINED.
    of_weights: whether it measures what depends on the weights: a trained model stands beside what it was before, and
    each of its seeds has a round.
    needs_state: whether it takes only what carries a state from token to token.
    run_defaults: options of a run whose defaults are others here.
    """

    case: type[Case]
    row: tuple[str, ...] = ("model", "seq_len")
    implied: tuple[str, ...] = ()
    compared: tuple[str, ...] = ("model",)
    machine: tuple[str, ...] = ()
    complete: Callable[[Any], Any] = lambda case: case
    check: Callable[[Mapping[str, Sequence[Any]]], None] = lambda values: None
    select: Callable[[list[Any], bool], list[Any]] = lambda cases, plain: cases
    takes: tuple[str, ...] = ()
    of_weights: bool = False
    needs_state: bool = False
    run_defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of_text(self) -> bool:
        """Whether its cases are learnt from a text, which the axis `text` names."""
        return any(each.name == "text" for each in dataclasses.fields(self.case))

    def together(self, case: Case) -> tuple[AxisValue, ...]:
        """The same for cases that are compared within a round."""
        return tuple(value for name, value in axes_of(case).items() if name not in self.compared)


def _all(number: int, cases: Sequence[Any], records: Sequence[Record]) -> list[Any]:
    return list(cases)


@dataclass(frozen=True)
class Trains:
    """How a suite trains its cases, whose field `steps` says for how long.

    kind: the same for cases whose steps take the same time. wanted_steps: as many as help. beside: what a training
    takes beside its steps, in steps. of_round: its cases, by the records of those before it. equal_time: whether all
    train for the same time, `seconds_per_model`, unless `steps` are given. least_steps: of a training of a case that is
    worth its name, None for as many as usual.
    """

    kind: Callable[[Any], Any]
    wanted_steps: Callable[[Sequence[Any]], int] = lambda cases: 0
    beside: Callable[[Any], float] = lambda case: 0.0
    of_round: Callable[[int, Sequence[Any], Sequence[Record]], list[Any]] = _all
    equal_time: bool = False
    least_steps: Callable[[Any], int | None] = lambda case: None

    @property
    def paced(self) -> tuple[str, ...]:
        """Fields that a look at the speed decides, the same in all cases."""
        return ("seconds_per_model",) if self.equal_time else ("steps",)

    def kinds(self, cases: Iterable[Any]) -> dict[Any, Any]:
        """Of cases of one kind the first; each later round trains one of them."""
        firsts: dict[Any, Any] = {}
        for case in cases:
            firsts.setdefault(self.kind(case), case)
        return firsts


@dataclass(frozen=True)
class Rounds:
    """How a round goes, as the parent drives it.

    passes: what is timed in blocks.
    timed_samples: turns the blocks of one pass, and its warm-up, into samples.
    peaks: whether more is measured after all else of all cases, as it makes a process slower.
    measured_rounds: in how many rounds, from the first, what is not timed in blocks is measured; None: in all.
    always_measured: the cases of which it is measured in every round all the same, as a claim rests on it.
    kept: the cases that are never left out for want of time, as others are compared with them.
    owes: the metrics that a case owes in every round, where they are not those of all; one without a time is not timed.
    trains: how its cases are trained, several at a time; None where they are measured one after the other.
    """

    passes: tuple[str, ...] = ()
    timed_samples: Callable[[str, Sequence[Block], Ready], list[Sample]] | None = None
    peaks: bool = False
    measured_rounds: int | None = None
    always_measured: Callable[[Any], bool] = lambda case: False
    kept: Callable[[Any], bool] = lambda case: find(case.model).traits.kept
    owes: Callable[[Any], tuple[str, ...]] | None = None
    trains: Trains | None = None

    @property
    def afterwards(self) -> str:
        """What is measured after all times, "" where nothing is: MEASURE of what is timed in blocks, else PEAKS."""
        return MEASURE if self.passes else PEAKS if self.peaks else ""


@dataclass(frozen=True)
class Analysis:
    """What is read out of records.

    derive: records made from records and stored.
    expand: those that only the table shows.
    remarks: what else a reader may want to know; a run's table.md has it.
    claims: what was found, out of all of these records, the most important first; stored too.
    inputs: raised when the weights or inputs of a seed become others, so that runs from before do not go on after.
    """

    derive: Callable[[Sequence[Record]], list[Record]] = lambda records: []
    expand: Callable[[Sequence[Record]], list[Record]] = lambda records: []
    remarks: Callable[[Sequence[Record]], list[str]] = lambda records: []
    claims: Callable[[Sequence[Record]], list[Claim]] = lambda records: []
    inputs: int = 1

    def stored(self, records: Sequence[Record]) -> list[Record]:
        """What is stored beside the records of what was measured: those derived, and a verdict of each claim."""
        made = self.derive(records)
        return [
            *made,
            *(
                claim.record(records[0].suite)
                for claim in self.claims([*records, *made, *self.expand([*records, *made])])
            ),
        ]


@dataclass(frozen=True)
class View:
    """How records are shown.

    columns: of the table with a row a case.
    pivots: tables with a column a case.
    figures: what is saved as pictures.
    chart: the figure that a terminal shows as text.
    summary: tables that are shown in place of the one of all cases, which is in table.md then.
    """

    columns: tuple[Column, ...] = ()
    pivots: tuple[Pivot, ...] = ()
    figures: Callable[[Sequence[Record]], list[Figure]] = lambda records: []
    chart: Callable[[Sequence[Record]], Figure | None] = lambda records: None
    summary: Callable[[Sequence[Record]], list[Table]] | None = None


@dataclass(frozen=True)
class Suite:
    """A folder of `suites/`.

    name: what its records say that they are of.
    help: one sentence for the help text.
    group: the command that this one belongs to.
    metrics: a row for each one that may be sampled or derived.
    """

    name: str
    help: str
    axes: CaseAxes
    metrics: tuple[Measured, ...]
    rounds: Rounds = Rounds()
    analysis: Analysis = Analysis()
    view: View = View()
    group: str = ""

    @property
    def command(self) -> str:
        """What is typed after the program's name: "bench", "variants gpt"."""
        return f"{self.group} {self.name.removeprefix(self.group + '-')}" if self.group else self.name

    @property
    def precise(self) -> tuple[str, ...]:
        """The metrics whose intervals decide when a run stops."""
        return tuple(row.metric.name for row in self.metrics if row.precise)

    @property
    def echoes(self) -> tuple[str, ...]:
        """The metrics that say what another one says."""
        return tuple(row.metric.name for row in self.metrics if row.echo)

    @property
    def timed(self) -> bool:
        """Whether times are taken: each round then has its own process, and precision decides how many there are."""
        return bool(self.precise)

    def owed(self, case: Case) -> tuple[str, ...]:
        """The metrics that a case owes in every round in which it is measured."""
        if self.rounds.owes is not None:
            return self.rounds.owes(case)
        return tuple(row.metric.name for row in self.metrics if row.owed)

    def times(self, case: Case) -> bool:
        """Whether blocks of a case are timed."""
        return bool(self.rounds.passes) and any(name in self.precise for name in self.owed(case))

    def only_counts(self, case: Case) -> bool:
        """Whether a case beside those that were asked for is counted once and not timed."""
        return self.rounds.owes is not None and not self.times(case)

    def metric(self, name: str, axes: Axes) -> Metric:
        """The metric of that name. CUDA's peak memory is the allocator's and exact; a CPU's has noise like a time."""
        if name == ROUND_TIME:
            return ROUND_METRIC
        metric = next(row.metric for row in self.metrics if row.metric.name == name)
        if name == "peak_memory" and str(axes.get("device", "")).startswith("cuda"):
            return dataclasses.replace(metric, exact=True)
        return metric


def rows(*metrics: Metric) -> tuple[Measured, ...]:
    """Rows of metrics of which nothing more is to be said."""
    return tuple(map(Measured, metrics))
