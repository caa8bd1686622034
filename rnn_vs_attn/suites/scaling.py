"""`scaling`: the cells of Vaswani et al. 2017, table 1, measured, and what parallelism brings on this machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.models import RESTRICTED, SELF_ATTENTION, find
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.records import AxisValue, Metric, Sample
from rnn_vs_attn.suites import passes, scaling_figures, scaling_reading, scaling_tables, scaling_words
from rnn_vs_attn.suites.passes import FORWARD_TIME, HOST_TIME, TIMES, TRAIN_TIME, timed_samples
from rnn_vs_attn.suites.scaling_reading import GRAPH, LAYER, MIXING
from rnn_vs_attn.suites.suite import ANCHORS, LayerCase, Suite, fixed, option
from rnn_vs_attn.tables import Column

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.workload import Workload


@dataclass(frozen=True)
class ScalingCase(LayerCase):
    """part: the whole layer; what attention does between its projections, which is what the table's cell is about; or
    the graph of its operations, which is counted and not timed.
    """

    model: str = option(
        "attention",
        "Models: built-in names, entry points, package.module:Class or file.py:Class.",
        sweep="attention,lstm,conv,attention-local,mingru",
    )
    seq_len: int = option(256, "Sequence lengths: 512, or 64:4096 (doubling).", sweep="128:2048", minimum=2)
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Widths of the input and output: 128, or 64:512 (doubling).", sweep="64:256", minimum=1)
    threads: int = option(
        1,
        "CPU threads; lengths and widths are measured with the fewest of them. 1:0 doubles up to all usable cores.",
        sweep="1:0",
        minimum=0,
    )
    part: str = fixed(LAYER)


FLOPS = Metric("flops", "1", "none", exact=True, title="matrix products, counted from the operations that ran")
PROJECTION_FLOPS = Metric("projection_flops", "1", "none", exact=True, title="of them those with weights")
NUM_PARAMS = Metric("num_params", "1", "none", exact=True)
SEQUENTIAL_OPERATIONS = Metric(
    "sequential_operations", "1", "lower", exact=True, title="the longest chain of operations of a forward pass"
)
PATH_LENGTH = Metric(
    "path_length", "1", "lower", exact=True, title="operations from the first input to the last output"
)
LAUNCHES = Metric("launches", "1", "lower", exact=True, title="kernels that a pass launches on CUDA")

GRAPH_WINDOW = 4  # at most: routes are counted over few positions
CHAIN_LENGTHS = tuple(1 << i for i in range(4, 11))
ROUTE_RUNS = 4000  # of single operations, beyond which no longer route is followed
ROUTE_LENGTHS = tuple(1 << i for i in range(2, 9))


def select(cases: list[ScalingCase]) -> list[ScalingCase]:
    """The cells that a claim needs, of all that were asked for.

    With the fewest threads: every length at the middle width and every width at the longest length; attention and what
    it is compared with, and the user's own modules, at every other one too, for where they cross. With more threads:
    the longest length at the largest width. Beside attention what it does between its projections.
    """
    if not cases:
        return []
    fewest, longest = min(c.threads for c in cases), max(c.seq_len for c in cases)
    widths = sorted({c.d_model for c in cases})
    middle = widths[len(widths) // 2]
    found = []
    for case in cases:
        spec = find(case.model)
        on_axes = case.d_model == middle or case.seq_len == longest
        if case.threads != fewest:
            if case.seq_len == longest and case.d_model == widths[-1]:
                found.append(case)
            continue
        if on_axes or scaling_reading.crosses(spec) or spec.layer_type == SELF_ATTENTION:
            found.append(case)
        if on_axes and spec.layer_type in (SELF_ATTENTION, RESTRICTED) and case.num_layers == 1 and _has_mixing(case):
            found.append(dataclasses.replace(case, part=MIXING))
    return found


def _has_mixing(case: ScalingCase) -> bool:
    return case.model != "attention-relative"  # its scores of distances need a projection of their own


# In the worker


def module_of(case: ScalingCase) -> torch.nn.Module:
    """The layer, or what it does between its projections."""
    from rnn_vs_attn.models import build
    from rnn_vs_attn.models.attention import Attention, Mixing

    module = build.build(find(case.model), case.shape)
    if case.part == MIXING:
        assert isinstance(module, Attention)
        return Mixing(module)
    return module


def workload(case: ScalingCase, seed: int) -> Workload:
    """The case with the weights and the input of `seed`, ready to be timed."""
    return passes.made(lambda: (module_of(case), case.shape), case, seed)


def measure(case: ScalingCase, seed: int) -> Iterator[Sample]:
    """What has no noise, in the first round: counts of operations, chains and routes."""
    if seed:
        return
    from rnn_vs_attn.models import build

    made = workload(case, seed)
    for name, counter in zip(("forward", "train"), passes.count_operations(made, None), strict=True):
        warnings = [] if counter.flops is not None else [f"the FLOPs of {case.model} are unknown: {counter.reason}"]
        axes: dict[str, AxisValue] = {"pass": name}
        yield Sample("flops", counter.flops, axes, warnings=warnings, details={"kernels": dict(counter.kernels)})
        if counter.flops is not None:
            yield Sample("projection_flops", counter.by_weights, axes)
        if case.device.startswith("cuda"):
            from rnn_vs_attn.measure import launches

            yield Sample("launches", launches.count(made, name), axes)
    if case.part == LAYER:
        yield Sample("num_params", build.count_parameters(made.module))
        del made
        yield from _chains(case)
        yield from _routes(case)


def graph_shape(case: ScalingCase, seq_len: int) -> Shape:
    """A small layer of the case's kind; a user's own has the width and heads that it was asked for."""
    shape = dataclasses.replace(case.shape, batch_size=1, seq_len=seq_len)
    if find(case.model).family == "user":
        return shape
    return dataclasses.replace(shape, d_model=8, num_heads=2, window=min(case.window, GRAPH_WINDOW))


def _axes_of_graph(shape: Shape) -> dict[str, AxisValue]:
    """Where a count stands among the records: the same place for every case that it is the same of."""
    same = {name: getattr(shape, name) for name in ("batch_size", "seq_len", "d_model", "num_heads", "window")}
    return {**same, "part": GRAPH, "dtype": "float32", "device": "cpu", "threads": 1}


_counted: set[tuple[object, ...]] = set()  # in this process: other cases of a model have the same counts


def _is_counted(case: ScalingCase, what: str, shape: Shape) -> bool:
    key = (case.model, what, shape)
    if key in _counted:
        return True
    _counted.add(key)
    return False


def _on_cpu(case: ScalingCase, shape: Shape, double: bool) -> torch.nn.Module:
    """The module, with weights that are the same at every call."""
    import torch

    from rnn_vs_attn.models import build

    torch.manual_seed(0)
    module = build.build(find(case.model), shape).eval()
    return module.double() if double else module


def _chains(case: ScalingCase) -> Iterator[Sample]:
    """At the case's own length, and at those that tell how it grows."""
    for length in sorted({*CHAIN_LENGTHS, case.seq_len}):
        shape = graph_shape(case, seq_len=length)
        if not _is_counted(case, "chain", shape):
            sample = _exact("sequential_operations", partial(_chain, case, shape), shape)
            if sample.value is not None or length == case.seq_len:  # a module may refuse a length that nobody asked for
                yield sample


def _chain(case: ScalingCase, shape: Shape) -> int:
    import torch

    from rnn_vs_attn.measure import chains

    module = _on_cpu(case, shape, double=False)
    return chains.sequential_operations(module, torch.randn(1, shape.seq_len, shape.d_model))


def _routes(case: ScalingCase) -> Iterator[Sample]:
    """Over 4, 8, 16 ... positions, as long as it takes no more than ROUTE_RUNS runs of single operations."""
    if _is_counted(case, "routes", graph_shape(case, seq_len=0)):
        return
    found: list[Any] = []
    for length in ROUTE_LENGTHS:
        shape, before = graph_shape(case, seq_len=length), len(found)
        sample = _exact("path_length", partial(_route, case, shape, found), shape)
        if sample.value is not None:
            yield sample
        elif before or length == ROUTE_LENGTHS[-1] or len(found) > before:  # else it may take a longer sequence
            yield from () if before else (sample,)
            return
        if found and found[-1].runs > ROUTE_RUNS:
            return


def _route(case: ScalingCase, shape: Shape, found: list[Any]) -> int | None:
    """In float64, where the module runs in it: its gradient says what it reaches."""
    import torch

    from rnn_vs_attn.measure import routes

    def follow(double: bool) -> Any:
        torch.manual_seed(0)
        x = torch.randn(1, shape.seq_len, shape.d_model)
        make = lambda layers: _on_cpu(case, dataclasses.replace(shape, num_layers=layers), double)  # noqa: E731
        return routes.shortest(make, shape.num_layers, x.double() if double else x)

    try:
        found.append(follow(double=True))
    except CaseFault:
        raise
    except Exception:
        found.append(follow(double=False))
    operations: int | None = found[-1].operations
    if operations is None:
        raise CaseFault("unsupported", "no stack of its layers carries the first input to the last output")
    return operations


def _exact(metric: str, count: Callable[[], int | None], shape: Shape) -> Sample:
    """A count, or none with the reason; it does not cost the case its times."""
    axes = _axes_of_graph(shape)
    try:
        return Sample(metric, count(), axes)
    except CaseFault as fault:
        reason = fault.reason
    except MemoryError:
        raise
    except Exception as error:
        reason = first_line(error)
    return Sample(metric, None, axes, warnings=[f"{metric} is unknown: {reason}"])


# In the parent


def _time(title: str, metric: str) -> Column:
    return Column(title, metric, units.milliseconds, interval="percent", precise=True)


def _count(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else "–"


_FORWARD: dict[str, AxisValue] = {"pass": "forward"}
_TRAIN: dict[str, AxisValue] = {"pass": "train"}
COLUMNS = (
    _time("forward ms", "forward_time"),
    _time("train ms", "train_time"),
    Column("FLOPs (forward)", "flops", units.scaled, _FORWARD),
    Column("with weights", "projection_flops", units.scaled, _FORWARD),
    Column("FLOPs (train)", "flops", units.scaled, _TRAIN),
    Column("of peak (train)", "flops_fraction", units.percent, _TRAIN),
    Column("sequential operations", "sequential_operations", _count),
    Column("path", "path_length", _count),
    Column("kernels launched", "launches", _count, _FORWARD),
    Column("parameters", "num_params", _count, spare=True),
)

SCALING = Suite(
    name="scaling",
    help="Parallelism: speed-up over threads, sequential operations, exponents beside Vaswani's Table 1.",
    case=ScalingCase,
    metrics=(
        *TIMES,
        HOST_TIME,
        FLOPS,
        PROJECTION_FLOPS,
        NUM_PARAMS,
        SEQUENTIAL_OPERATIONS,
        PATH_LENGTH,
        LAUNCHES,
        *ANCHORS,
        *scaling_reading.METRICS,
    ),
    per_case=(FORWARD_TIME.name, TRAIN_TIME.name),
    precise=(FORWARD_TIME.name, TRAIN_TIME.name),
    measure=measure,
    workload=workload,
    passes=("forward", "train"),
    timed_samples=timed_samples,
    measured_rounds=1,
    anchor_axes=("device", "dtype", "threads"),
    derive=scaling_reading.derive,
    expand=scaling_reading.expand,
    remarks=scaling_words.remarks,
    columns=COLUMNS,
    figures=scaling_figures.figures,
    echoes=("backward_time", "host_time", "flops_fraction", "flops_per_second"),
    row_axes=("model", "seq_len", "d_model", "part"),
    select=select,
    summary=scaling_tables.tables,
    run_defaults={"rounds": 6, "max_seconds": 110.0, "warm_up": 0.1, "min_blocks": 3, "case_seconds": 0.02},
)
