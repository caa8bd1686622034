"""`scaling`: the cells of Vaswani et al. 2017, table 1, measured, and what parallelism brings on this machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models import costs
from rnn_vs_attn.models.registry import RESTRICTED, SELF_ATTENTION, find
from rnn_vs_attn.records.types import AxisValue, Metric, Sample
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.layer_passes import FORWARD_TIME, HOST_TIME, TIMES, TRAIN_TIME, timed_samples
from rnn_vs_attn.suites.scaling import analysis as scaling_reading
from rnn_vs_attn.suites.scaling import figures as scaling_figures
from rnn_vs_attn.suites.scaling import remarks as scaling_words
from rnn_vs_attn.suites.scaling import tables as scaling_tables
from rnn_vs_attn.suites.scaling.analysis import GRAPH, LAYER, MIXING, ROUTE
from rnn_vs_attn.suites.suite import ANCHORS, LayerCase, Suite, fixed, option

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.workload import Workload


@dataclass(frozen=True)
class ScalingCase(LayerCase):
    """part: the whole layer; what attention does between its projections, which is what the table's cell is about; the
    graph of its operations; or that of positions. Graphs are counted and not timed.
    """

    model: str = option(
        "attention",
        "Models: built-in names, entry points, package.module:Class or file.py:Class.",
        sweep="attention,lstm,conv,attention-local,mingru",
    )
    seq_len: int = option(256, "Sequence lengths: 512, or 64:4096 (doubling).", sweep="64:2048", minimum=2)
    batch_size: int = option(1, "Sequences a batch.", minimum=1)
    d_model: int = option(128, "Widths of the input and output: 128, or 64:512 (doubling).", sweep="64:256", minimum=1)
    threads: int = option(
        1,
        "CPU threads; lengths and widths are measured with the fewest of them. 1:0 doubles up to all usable cores.",
        sweep="1:0",
        minimum=0,
    )
    part: str = fixed(LAYER)

    @property
    def label(self) -> str:
        width = f"{self.model} d_model {self.d_model}"
        return width if self.part == LAYER else f"{width} {self.part}"


FLOPS = Metric("flops", "1", "none", exact=True, title="matrix products; of your own module counted as it ran")
PROJECTION_FLOPS = Metric("projection_flops", "1", "none", exact=True, title="of them those with weights, forward")
NUM_PARAMS = Metric("num_params", "1", "none", exact=True)
SEQUENTIAL_OPERATIONS = Metric(
    "sequential_operations", "1", "lower", exact=True, title="the longest chain of operations of a forward pass"
)
PATH_LENGTH = Metric(
    "path_length", "1", "lower", exact=True, title="operations from the first input to the last output"
)
LAUNCHES = Metric("launches", "1", "lower", exact=True, title="kernels that a pass launches on CUDA")

FEW = 4  # positions that a window or a kernel has in a graph, at most: routes are counted over few of them
CHAIN_LENGTHS = tuple(1 << i for i in range(4, 11))
ROUTE_RUNS = 2500  # of single operations, beyond which no longer route is followed
OPEN_RUNS = 15000  # the same, as long as the routes so far follow no law or several
_FAR = CHAIN_LENGTHS[-1]  # a length at which a route that does not grow must still be one
_LONG_ENOUGH = 16  # positions, over which what reaches anywhere reaches from end to end through a stack
ROUTE_LENGTHS = tuple(n for i in range(2, 8) for n in (1 << i, 3 << (i - 1)))  # 4, 6, 8, 12, ... 192
_BETWEEN = (5, 7, 9)  # through stacks of layers; through one, a tree reaches over a power of two in one operation


def select(cases: list[ScalingCase]) -> list[ScalingCase]:
    """The cells that a claim needs, of all that were asked for, and the graphs that are counted beside them.

    With the fewest threads: every length at the middle width and every width at the longest length; attention and what
    it is compared with, and the user's own modules, at every other one too, for where they cross. With more threads:
    the longest length at the largest width, on a CPU. Beside attention what it does between its projections.
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
            if case.seq_len == longest and case.d_model == widths[-1] and case.device == "cpu":
                found.append(case)
            continue
        if on_axes or scaling_reading.crosses(spec) or spec.layer_type == SELF_ATTENTION:
            found.append(case)
        if on_axes and spec.layer_type in (SELF_ATTENTION, RESTRICTED) and case.num_layers == 1 and _has_mixing(case):
            found.append(dataclasses.replace(case, part=MIXING))
    graphs = [
        graph for case in cases if case.threads == fewest and case.d_model == widths[0] for graph in _graphs(case)
    ]
    return [*found, *dict.fromkeys(graphs)]


def _graphs(case: ScalingCase) -> Iterator[ScalingCase]:
    """Chains at the case's length and at those that tell how they grow, and the routes: each costs only itself.

    Neither depends on the width, so that of a built-in layer is small; a user's own has the width it was asked for.
    """
    small: dict[str, Any] = {"batch_size": 1, "dtype": "float32", "device": "cpu"}
    small |= {"window": min(case.window, FEW), "kernel_size": min(case.kernel_size, FEW)}
    if find(case.model).family != "user":
        small |= {"d_model": 8, "num_heads": 2}
    for length in dict.fromkeys((case.seq_len, *CHAIN_LENGTHS)):
        yield dataclasses.replace(case, seq_len=length, part=GRAPH, **small)
    yield dataclasses.replace(case, seq_len=ROUTE_LENGTHS[0], num_layers=1, part=ROUTE, **small)


def owes(case: ScalingCase) -> tuple[str, ...]:
    """Times of layers; of graphs one count."""
    counts = {GRAPH: (SEQUENTIAL_OPERATIONS.name,), ROUTE: (PATH_LENGTH.name,)}
    return counts.get(case.part, (FORWARD_TIME.name, TRAIN_TIME.name))


def _has_mixing(case: ScalingCase) -> bool:
    return case.model != "attention-relative"  # its scores of distances need a projection of their own


# In the worker


def module_of(case: ScalingCase) -> torch.nn.Module:
    """The layer, or what it does between its projections."""
    from rnn_vs_attn.models import build
    from rnn_vs_attn.models.layers.attention import Attention, Mixing

    module = build.build(find(case.model), case.shape)
    if case.part == MIXING:
        assert isinstance(module, Attention)
        return Mixing(module)
    return module


def workload(case: ScalingCase, seed: int) -> Workload:
    """The case with the weights and the input of `seed`, ready to be timed."""
    return layer_passes.made(lambda: (module_of(case), case.shape), case, seed)


def measure(case: ScalingCase, turn: Turn) -> Iterator[Sample]:
    """What has no noise, in the first turn: counts of operations, a chain, or routes."""
    if not turn.first:
        return
    if case.part == GRAPH:
        yield _exact("sequential_operations", partial(_chain, case), case.seq_len)
    elif case.part == ROUTE:
        yield from _routes(case)
    else:
        yield from _counts(case)


def _counts(case: ScalingCase) -> Iterator[Sample]:
    """FLOPs by the model's closed form, else by counting operations; of those with weights by counting always."""
    from rnn_vs_attn.models import build

    made = workload(case, 0)
    defined = _defined(case)
    for name, counter in zip(("forward", "train"), layer_passes.count_operations(made, None), strict=True):
        value = getattr(defined, name) if defined else counter.flops
        warnings = [] if value is not None else [f"the FLOPs of {case.model} are unknown: {counter.reason}"]
        axes: dict[str, AxisValue] = {"pass": name}
        yield Sample("flops", value, axes, warnings=warnings, details={"kernels": dict(counter.kernels)})
        if counter.flops is not None and name == "forward":  # a weight's gradient is a product without the weight
            yield Sample("projection_flops", counter.by_weights, axes)
        if case.device.startswith("cuda"):
            from rnn_vs_attn.measure.operations import launches

            yield Sample("launches", launches.count(made, name), axes)
    if case.part == LAYER:
        yield Sample("num_params", build.count_parameters(made.module))


def _defined(case: ScalingCase) -> costs.Flops | None:
    """FLOPs of a built-in layer, or of what it does between its projections."""
    forms = find(case.model).costs
    if case.part != MIXING:
        return forms.flops(case.shape) if forms else None
    assert isinstance(forms, costs.Attention)
    return forms.mixing(case.shape)


def _on_cpu(case: ScalingCase, length: int, layers: int, double: bool) -> torch.nn.Module:
    """The module, with weights that are the same at every call."""
    from rnn_vs_attn.isolation.seeds import seed_all
    from rnn_vs_attn.models import build

    seed_all(0)
    shape = dataclasses.replace(case.shape, seq_len=length, num_layers=layers)
    module = build.build(find(case.model), shape).eval()
    return module.double() if double else module


def _chain(case: ScalingCase) -> int:
    import torch

    from rnn_vs_attn.measure.dataflow import critical_path

    module = _on_cpu(case, case.seq_len, case.num_layers, double=False)
    return critical_path.sequential_operations(module, torch.randn(1, case.seq_len, case.d_model))


def _routes(case: ScalingCase) -> Iterator[Sample]:
    """Over 4, 6, 8, 12 ... positions, as long as it takes no more than ROUTE_RUNS runs of single operations, or
    OPEN_RUNS while it is open how they grow. Where they are always the same, also whether the layer still reaches from
    end to end of a sequence that is much longer.
    """
    found: dict[int, Any] = {}
    law, reason = None, ""
    for length in sorted((*ROUTE_LENGTHS, *_BETWEEN)):
        if length in _BETWEEN and not (found and found[max(found)].layers > case.num_layers):
            continue
        try:
            route = _route(case, length)
        except CaseFault as fault:
            reason = fault.reason
            break
        except NotImplementedError:
            reason = "it runs an operator or a kind of tensor that torch cannot record"
            break
        except Exception as error:  # it may take other lengths
            reason = first_line(error)
            continue
        if route.operations is None:
            reason = "no gradient reaches the first input from the last output, through one layer or a stack of them"
            if found or length > _LONG_ENOUGH:
                break
            continue
        found[length] = route
        yield Sample("path_length", route.operations, {"seq_len": length}, details=_of_route(route))
        law = growth.law(list(found), [each.operations for each in found.values()])
        if route.runs > (OPEN_RUNS if law is None else ROUTE_RUNS):
            break
    if not found:
        yield _unknown("path_length", reason, ROUTE_LENGTHS[0])
    elif law in (growth.CONSTANT, growth.LOGARITHMIC):
        yield from _beyond(case, max(found), [route.layers for route in found.values()])


def _of_route(route: Any) -> dict[str, Any]:
    kinds = {"at_least": route.at_least, "in_chain": route.in_chain}
    return {"layers": route.layers} | {kind: True for kind, holds in kinds.items() if holds}


def _beyond(case: ScalingCase, last: int, layers: Sequence[int]) -> Iterator[Sample]:
    """A route that is unknown, where the layers do not go on as they did: over _FAR positions as many must reach as
    ever where their number was always the same, and no more than a logarithm makes of it where it grew.
    """
    grown = math.ceil(layers[-1] * math.log(_FAR) / math.log(last)) + 1
    enough = layers[-1] if layers[-1] == layers[0] else grown
    stack = f" through {enough} layers" if enough > 1 else ""
    try:
        far = _reaches_far(case, enough)
    except Exception as error:  # it may take other lengths
        asked = f"whether what reaches over {last} positions does over {_FAR}{stack} could not be asked"
        yield _unknown("path_length", f"{asked} ({first_line(error)})", _FAR)
        return
    if not far:
        yield _unknown("path_length", f"what reaches over {last} positions does not over {_FAR}{stack}", _FAR)


def _reaches_far(case: ScalingCase, layers: int) -> bool:
    from rnn_vs_attn.measure.dataflow import path_length as routes

    def reaches(double: bool) -> bool:
        return routes.reaches(_on_cpu(case, _FAR, layers, double), _input(case, _FAR, double))

    try:
        return reaches(double=True)
    except Exception:  # it may be float32 alone that it takes
        return reaches(double=False)


def _route(case: ScalingCase, length: int) -> Any:
    """In float64, where the module runs in it: its gradient says what it reaches."""
    from rnn_vs_attn.measure.dataflow import path_length as routes

    def follow(double: bool) -> Any:
        make = partial(_on_cpu, case, length, double=double)
        return routes.shortest(make, case.num_layers, _input(case, length, double))

    try:
        return follow(double=True)
    except CaseFault:
        raise
    except Exception:
        return follow(double=False)


def _input(case: ScalingCase, length: int, double: bool) -> torch.Tensor:
    """The same at every call."""
    import torch

    torch.manual_seed(0)
    x = torch.randn(1, length, case.d_model)
    return x.double() if double else x


def _exact(metric: str, count: Callable[[], int], length: int) -> Sample:
    """A count, or none with the reason."""
    try:
        return Sample(metric, count(), {"seq_len": length})
    except CaseFault as fault:
        return _unknown(metric, fault.reason, length)
    except NotImplementedError:
        return _unknown(metric, "it runs an operator or a kind of tensor that torch cannot record", length)
    except Exception as error:
        return _unknown(metric, first_line(error), length)


def _unknown(metric: str, reason: str, length: int) -> Sample:
    return Sample(metric, None, {"seq_len": length}, warnings=[f"{metric} is unknown: {reason}"])


# In the parent


_ONE_VALUE = ("batch_size", "num_heads", "num_layers", "dtype", "device", "kernel_size", "window")


def check(sweep: Mapping[str, Sequence[Any]]) -> None:
    """UserError where an axis has several values that no table of this suite would tell apart."""
    for name in _ONE_VALUE:
        if len(sweep[name]) > 1:
            given = ",".join(map(str, sweep[name]))
            raise UserError(
                f"--{name.replace('_', '-')} {given} is several values; scaling varies model, seq_len, d_model and "
                f"threads, and takes one of each other; run it once for each"
            )


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
    owes=owes,
    check=check,
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
    echoes=("backward_time", "host_time", "flops_fraction", "speed_up", "efficiency", "serial_fraction"),
    row_axes=("model", "seq_len", "d_model", "part"),
    select=select,
    summary=scaling_tables.tables,
    compared=("model", "part"),
    run_defaults={"rounds": 6, "warm_up": 0.05, "min_blocks": 2, "case_seconds": 0.02},
)
