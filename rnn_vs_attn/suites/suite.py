"""What a suite is: a case, its metrics, how one round of it is measured, and how its numbers are shown.

A suite's file imports torch only inside the functions that the worker calls, so the parent can read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.costs import KERNEL_SIZE, WINDOW, Shape
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import ROUND_TIME, AxisValue, Metric, Record, Sample
from rnn_vs_attn.report.plots import Figure
from rnn_vs_attn.report.tables import Column, Pivot, Table

if TYPE_CHECKING:
    from rnn_vs_attn.measure.workload import Workload

MEASURE, PEAKS = "measure", "peaks"  # the two parts of a round that are not timed in blocks
DTYPES = ("float32", "float64", "float16", "bfloat16")
ITEMSIZE = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}


def option(
    default: Any,
    help: str,
    *,
    sweep: str | None = None,
    minimum: float | None = None,
    choices: Sequence[str] = (),
    parse: Callable[[str], Any] | None = None,
    flag: str | None = None,
    shown: str | None = None,
    panel: str | None = "What",
) -> Any:
    """A field of a case, or of a command's options, that is a command-line option.

    sweep: the words that the command takes where none are typed, where they are not those of `default`. parse: from one
    word to a value, UserError where it cannot be; without it by the type of the default. flag: what is typed, where not
    the field's name; shown: the default in words; panel: the heading in the help text.
    """
    metadata = {"help": help, "sweep": sweep, "minimum": minimum, "choices": tuple(choices), "parse": parse}
    return field(default=default, metadata=metadata | {"flag": flag, "shown": shown, "panel": panel})


def argument(help: str, default: Any = dataclasses.MISSING, shown: str | bool = True) -> Any:
    """A field of a command's options that is typed without a name; without `default` it must be."""
    return field(default=default, metadata={"help": help, "shown": shown, "argument": True})


def fixed(value: Any) -> Any:
    """A field of a case that this suite leaves no choice in: an axis of its records, and no option."""
    return field(default=value, metadata={"fixed": True})


@dataclass(frozen=True)
class Case:
    """The axes that every suite shares; a suite adds its own. threads 0 and device auto are resolved before a run."""

    model: str = option(
        "attention",
        "Models: built-in names, entry points, package.module:Class or file.py:Class.",
        sweep="rnn,gru,lstm,lstm-cell,attention,attention-naive",
    )
    seq_len: int = option(64, "Sequence lengths: 512, or 64:4096 (doubling).", sweep="64:1024", minimum=1)
    batch_size: int = option(4, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Width of the input and output.", minimum=1)
    num_heads: int = option(4, "Attention heads; d_model must be divisible by it.", minimum=1)
    num_layers: int = option(1, "Layers stacked, with nothing between them.", minimum=1)
    dtype: str = option("float32", "Number format of weights and inputs.", choices=DTYPES)
    device: str = option("auto", "cpu, cuda or cuda:N; auto takes a GPU where there is one.")
    threads: int = option(0, "CPU threads; 0 takes all usable cores.", minimum=0)
    causal: bool = option(True, "No position sees the future. Recurrent models are always causal.")

    @property
    def label(self) -> str:
        """What a list of cases and a line of progress call it."""
        return self.model

    @property
    def kind(self) -> tuple[object, ...]:
        """What has its libraries loaded and its kernels built once one such case has run in a process."""
        return self.model, self.device, self.dtype, self.threads

    @property
    def shape(self) -> Shape:
        """What the cost of the case depends on."""
        return Shape(self.batch_size, self.seq_len, self.d_model, self.num_heads, self.num_layers, self.causal)


@dataclass(frozen=True)
class LayerCase(Case):
    """The axes of suites that measure layers."""

    kernel_size: int = option(KERNEL_SIZE, "Tokens that a layer of conv reads.", minimum=1)
    window: int = option(WINDOW, "Tokens that each one of attention-local attends to, itself included.", minimum=1)

    @property
    def shape(self) -> Shape:
        return dataclasses.replace(super().shape, kernel_size=self.kernel_size, window=self.window)


@dataclass(frozen=True)
class Suite:
    """One file of `suites/`.

    metrics: all that may be sampled. per_case: those that every case owes in every round; a fault is recorded on those
    that it left out. precise: those whose intervals decide when a run stops; with none the fewest rounds do. passes:
    what is timed in blocks, driven by the parent; timed_samples turns the blocks of one pass into samples. measure:
    the rest of a round, in the worker, in the first measured_rounds only where its numbers hardly vary; all under
    --rounds. peaks: what is measured after that of all cases, as it makes a process slower. probe: CaseFault where a
    user's own module cannot be measured at all, asked in the worker before the run. trains: whether a round's memory
    must do for a training pass; least_memory: bytes that a case cannot do without, where its model's costs do not say;
    language_models: whether it takes models of token ids; needs_state: whether it takes only what carries a state from
    token to token. anchor_axes: which axes the machine's own peak depends on.
    derive: records made from records and stored; expand: those that only the table shows; remarks: lines under the
    table; pivots: tables with a column a case; chart: the figure that a terminal shows as text. inputs: raised when the
    weights or inputs of a seed become others, so that runs from before are not compared with runs from after. echoes:
    metrics that say what another one says, and are not compared beside it. group: the command that this one belongs to.
    complete: fills in the fields of a case that follow from others. row_axes: those that always head a row of the
    table; implied: those that follow from them and stand in table.csv only. select: which cases of the product of all
    axes are measured, and what stands beside them. summary: tables that are shown in place of the one of all cases,
    which is in table.md. run_defaults: options of a run whose defaults are others here. owes: the
    metrics that a case owes in every round where they are not per_case; one that owes no time is not timed. kept: the
    cases that are never left out for want of time, as others are compared with them. compared: axes whose values are
    compared with each other within a round; cases that differ in them alone are timed next to each other.
    always_measured: the cases whose measurements after the times a claim rests on: they are taken in every round.
    """

    name: str
    help: str
    case: type[Case]
    metrics: tuple[Metric, ...]
    per_case: tuple[str, ...]
    precise: tuple[str, ...]
    measure: Callable[[Any, Turn], Iterator[Sample]]
    workload: Callable[[Any, int], Workload] | None = None
    passes: tuple[str, ...] = ()
    timed_samples: Callable[[str, Sequence[Block], Ready], list[Sample]] | None = None
    measured_rounds: int | None = None
    peaks: Callable[[Any, Turn], Iterator[Sample]] | None = None
    trains: bool = True
    least_memory: Callable[[Any], int] | None = None
    language_models: bool = False
    needs_state: bool = False
    anchor_axes: tuple[str, ...] = ()
    check: Callable[[Mapping[str, Sequence[Any]]], None] | None = None
    probe: Callable[[Any], None] | None = None
    derive: Callable[[Sequence[Record]], list[Record]] = lambda records: []
    expand: Callable[[Sequence[Record]], list[Record]] = lambda records: []
    remarks: Callable[[Sequence[Record]], list[str]] = lambda records: []
    columns: tuple[Column, ...] = ()
    pivots: tuple[Pivot, ...] = ()
    figures: Callable[[Sequence[Record]], list[Figure]] = lambda records: []
    chart: Callable[[Sequence[Record]], Figure | None] = lambda records: None
    inputs: int = 1
    echoes: tuple[str, ...] = ()
    group: str = ""
    complete: Callable[[Any], Any] = lambda case: case
    row_axes: tuple[str, ...] = ("model", "seq_len")
    implied: tuple[str, ...] = ()
    select: Callable[[list[Any]], list[Any]] = lambda cases: cases
    summary: Callable[[Sequence[Record]], list[Table]] | None = None
    run_defaults: Mapping[str, Any] = field(default_factory=dict)
    owes: Callable[[Any], tuple[str, ...]] | None = None
    kept: Callable[[Any], bool] = lambda case: case.model in ("lstm", BASELINE)
    compared: tuple[str, ...] = ("model",)
    always_measured: Callable[[Any], bool] = lambda case: False

    @property
    def command(self) -> str:
        """What is typed after the program's name: "bench", "variants gpt"."""
        return f"{self.group} {self.name.removeprefix(self.group + '-')}" if self.group else self.name

    @property
    def timed(self) -> bool:
        """Whether times are taken: each round then has its own process, and precision decides how many there are."""
        return bool(self.precise)

    def owed(self, case: Any) -> tuple[str, ...]:
        """The metrics that a case owes in every round in which it is measured."""
        return self.per_case if self.owes is None else self.owes(case)

    def times(self, case: Any) -> bool:
        """Whether blocks of a case are timed."""
        return bool(self.passes) and any(name in self.precise for name in self.owed(case))

    def only_counts(self, case: Any) -> bool:
        """Whether a case beside those that were asked for is counted once and not timed."""
        return self.owes is not None and not self.times(case)

    @property
    def afterwards(self) -> str:
        """What is measured after all times, "" where nothing is: MEASURE of what is timed in blocks, else PEAKS."""
        return MEASURE if self.passes else PEAKS if self.peaks else ""

    def together(self, case: Any) -> tuple[Any, ...]:
        """The same for cases that are compared within a round."""
        return tuple(value for name, value in axes_of(case).items() if name not in self.compared)

    def metric(self, name: str, axes: Mapping[str, AxisValue]) -> Metric:
        """The metric of that name. CUDA's peak memory is the allocator's and exact; a CPU's has noise like a time."""
        if name == ROUND_TIME:
            return ROUND_METRIC
        metric = next(m for m in self.metrics if m.name == name)
        if name == "peak_memory" and str(axes.get("device", "")).startswith("cuda"):
            return dataclasses.replace(metric, exact=True)
        return metric


ROUND_METRIC = Metric(ROUND_TIME, "s", "none", title="one round, start-up of its worker aside")
ANCHORS = (
    Metric("peak_flops", "FLOP/s", "higher", title="the fastest matrix product"),
    Metric("product_flops", "FLOP/s", "higher", title="a matrix product, by the way it takes"),
    Metric("peak_bandwidth", "B/s", "higher", title="a copy, bytes read and written"),
    Metric("python_loop_time", "s", "lower", title="one step of a Python loop"),
)

# What tells whether the machine is the same, of each kind of bottleneck one; product_flops is inside peak_flops.
CALIBRATION = frozenset(("peak_flops", "peak_bandwidth", "python_loop_time"))


OF_FEW_MODELS = ("kernel_size", "window")


def untaken(records: Sequence[Record]) -> tuple[str, ...]:
    """Axes that no model of these records has a use for."""
    specs = [find(name) for name in {str(record.axes["model"]) for record in records if "model" in record.axes}]
    return tuple(
        name for name in OF_FEW_MODELS if not any(name in spec.takes or spec.family == "user" for spec in specs)
    )


def axes_of(case: Case) -> dict[str, AxisValue]:
    """A case's fields as the axes of its records."""
    return dataclasses.asdict(case)


def warnings_for(case: Case) -> list[str]:
    """What a reader of this case's numbers must know, from its fields alone."""
    spec = find(case.model)
    found = []
    if spec.always_causal and not case.causal:
        found.append(f"{case.model} is always causal; --no-causal does not change it")
    if getattr(case, "compile", False) and spec.kernel_of_its_own:
        found.append(f"torch.compile leaves torch's own recurrent kernels as they are; {case.model} is not compiled")
    return found
