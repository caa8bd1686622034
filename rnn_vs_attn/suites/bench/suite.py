"""`bench`: time and memory of forward, backward and training passes over sequence lengths."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.records.types import Axes, Metric, Sample
from rnn_vs_attn.report.tables import Column
from rnn_vs_attn.stats.intervals import MIN_ROUNDS
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.bench import analysis as bench_reading
from rnn_vs_attn.suites.bench import figures as bench_figures
from rnn_vs_attn.suites.bench import remarks as bench_words
from rnn_vs_attn.suites.layer_passes import HOST_TIME, TIMES, count_operations, kernels_of, timed_samples, train_flops
from rnn_vs_attn.suites.suite import ANCHORS, LayerCase, Suite, option

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.workload import Workload


@dataclass(frozen=True)
class BenchCase(LayerCase):
    """What `bench` adds: how the module is run, and whether its width is chosen for equal work."""

    compile: bool = option(False, "Run through torch.compile; compile time is a column of its own.")
    match: str = option(
        "none",
        f"Choose each model's width so that parameters or FLOPs equal those of {BASELINE} at --d-model.",
        choices=("none", "params", "flops"),
    )
    tf32: bool = option(False, "CUDA: multiply float32 matrices in TF32, in attention and cuDNN alike.")
    cuda_graphs: bool = option(False, "CUDA: capture the passes once and replay them, which removes launch overhead.")


COMPILE_TIME = Metric("compile_time", "s", title="the first call under torch.compile")
PEAK_MEMORY = Metric("peak_memory", "B", title="peak above the start")
SAVED_BYTES = Metric("saved_bytes", "B", exact=True, title="what autograd keeps for the backward pass")
NUM_PARAMS = Metric("num_params", "1", "none", exact=True)
WIDTH = Metric("width", "1", "none", exact=True, title="d_model chosen by --match")
FLOPS = Metric("flops", "1", "none", exact=True)
STATE_SIZE = Metric("state_size", "B", "lower", exact=True, title="decoding state after seq_len tokens")


def check(sweep: Mapping[str, Sequence[Any]]) -> None:
    """UserError where options of this sweep exclude each other."""
    on_cuda = any(str(device).startswith("cuda") for device in sweep["device"])
    for name in ("cuda_graphs", "tf32"):
        if any(sweep[name]) and not on_cuda:
            raise UserError(
                f"--{name.replace('_', '-')} needs --device cuda; this run is on {', '.join(sweep['device'])}"
            )
    if any(sweep["compile"]) and any(sweep["cuda_graphs"]):
        raise UserError("--compile and --cuda-graphs exclude each other; torch.compile would be captured half-way")


# In the worker


def module_of(case: BenchCase) -> tuple[torch.nn.Module, Shape]:
    """The module, with the shape that --match gave it."""
    from rnn_vs_attn.models import build

    spec = find(case.model)
    shape = build.matched_shape(spec, case.shape, case.match, train_flops)
    return build.build(spec, shape), shape


def workload(case: BenchCase, seed: int) -> Workload:
    """The case with the weights and the input of `seed`, ready to be timed."""
    from rnn_vs_attn.measure.timing.cuda_graphs import capture

    made = layer_passes.made(lambda: module_of(case), case, seed, tf32=case.tf32, compiled=case.compile)
    return capture(made) if case.cuda_graphs else made


def measure(case: BenchCase, turn: Turn) -> Iterator[Sample]:
    """Everything but times: peak memory in every turn; what has no noise in the first."""
    import torch

    from rnn_vs_attn.measure import memory

    device = torch.device(case.device)
    made = workload(dataclasses.replace(case, cuda_graphs=False), turn.seed)
    if device.type == "cuda" or case.compile:  # work spaces and compiled code are not the call's own
        made.both()
        made.both()  # what a first call leaves behind may be compiled for again
    missing = memory.cpu_peak_missing() if device.type == "cpu" else ""
    if not missing:
        yield from _peaks(made, device)
    if turn.first:
        yield from _exact(case, made)


def _peaks(made: Workload, device: torch.device) -> Iterator[Sample]:
    import torch

    from rnn_vs_attn.measure import memory

    made.module.eval()
    with torch.no_grad():
        made.renew()
        (forward,) = memory.peaks([made.forward], device)
    made.module.train()
    made.renew()
    outputs = []
    first, second = memory.peaks(
        [lambda: outputs.append(made.train_forward()), lambda: made.backward(outputs[0])], device
    )
    made.clear_gradients()
    yield Sample("peak_memory", forward, {"pass": "forward"})
    yield Sample("peak_memory", second, {"pass": "backward"})
    yield Sample("peak_memory", max(first, second), {"pass": "train"})


def _exact(case: BenchCase, made: Workload) -> Iterator[Sample]:
    from rnn_vs_attn.measure import memory
    from rnn_vs_attn.models import build
    from rnn_vs_attn.suites.suite import ITEMSIZE

    spec = find(case.model)
    shape = dataclasses.replace(case.shape, d_model=made.x.shape[-1])
    yield Sample("num_params", build.count_parameters(made.module))
    if case.match != "none":
        yield Sample("width", shape.d_model)
    yield from _flops(case, made, shape)
    state = (
        spec.costs.state_size(shape, ITEMSIZE[case.dtype])
        if spec.costs
        else state_size(made.module, made.x, case.seq_len)
    )
    if state is not None:
        yield Sample("state_size", state)
    if not case.compile:
        yield Sample("saved_bytes", memory.saved_bytes(made))


def _flops(case: BenchCase, made: Workload, shape: Shape) -> Iterator[Sample]:
    """FLOPs by the model's closed form, else by counting operations; and in the details the kernels that ran."""
    spec = find(case.model)
    forward, train = kernels_of(made, case.window) if spec.costs else count_operations(made, None)
    if spec.costs:
        flops = spec.costs.flops(shape)
        values: tuple[int | None, int | None] = (flops.forward, flops.train)
    else:
        values = (forward.flops, train.flops)
    for name, value, counter in (("forward", values[0], forward), ("train", values[1], train)):
        details = {} if case.compile else {"kernels": dict(counter.kernels)}
        warnings = [] if value is not None else [f"the FLOPs of {case.model} are unknown: {counter.reason}"]
        yield Sample("flops", value, {"pass": name}, details=details, warnings=warnings)


def state_size(module: Any, x: torch.Tensor, seq_len: int) -> int | None:
    """Bytes of a user's decoding state after seq_len tokens, from its growth over three steps; None where uneven."""
    import torch

    from rnn_vs_attn.measure.timing.decoding import state_bytes
    from rnn_vs_attn.models.mixer import decodes

    if not decodes(module):
        return None
    sizes = []
    with torch.no_grad():
        state = module.initial_state(x.shape[0])
        for t in range(min(3, x.shape[1])):
            _, state = module.step(x[:, t].clone(), state)  # which may work in place on it
            sizes.append(state_bytes(state))
    growth = {after - before for before, after in itertools.pairwise(sizes)}
    if len(sizes) < 3 or len(growth) != 1:
        return None
    return int(sizes[-1] + growth.pop() * (seq_len - len(sizes)))


# In the parent


def _per_second(value: float) -> str:
    return units.scaled(value)


_TRAIN: Axes = {"pass": "train"}
_FORWARD: Axes = {"pass": "forward"}


def _time(title: str, metric: str) -> Column:
    return Column(title, metric, units.milliseconds, interval="percent", precise=True)


def _kibibytes(value: float) -> str:
    return units.significant(value / 1024)


def _ratio(value: float) -> str:
    return units.significant(value)


_COUNT: Callable[[float], str] = lambda value: f"{value:.0f}"  # noqa: E731

COLUMNS = (
    _time("forward ms", "forward_time"),
    _time("backward ms", "backward_time"),
    _time("train ms", "train_time"),
    Column(f"train ÷ {BASELINE}", "ratio", _ratio, {"of": "train_time"}, interval="ends"),
    Column("forward MiB", "peak_memory", units.mebibytes, _FORWARD),
    Column("train MiB", "peak_memory", units.mebibytes, _TRAIN),
    Column("tokens/s", "tokens_per_second", _per_second),
    Column("FLOP/s", "flops_per_second", _per_second),
    Column("of peak", "flops_fraction", units.percent),
    Column("parameters", "num_params", _COUNT, spare=True),
    Column("FLOPs (train)", "flops", _per_second, _TRAIN, spare=True),
    Column("state KiB", "state_size", _kibibytes, spare=True),
    Column("width", "width", _COUNT),
    Column("compile s", "compile_time", units.significant, _TRAIN),
    Column("host ms", "host_time", units.milliseconds, _TRAIN),
)

BENCH = Suite(
    name="bench",
    help="Time and memory of forward, backward and training passes over sequence lengths.",
    case=BenchCase,
    metrics=(
        *TIMES,
        PEAK_MEMORY,
        HOST_TIME,
        COMPILE_TIME,
        SAVED_BYTES,
        NUM_PARAMS,
        WIDTH,
        FLOPS,
        STATE_SIZE,
        *ANCHORS,
        *bench_reading.METRICS,
    ),
    per_case=("forward_time", "backward_time", "train_time", "peak_memory"),
    precise=("forward_time", "backward_time", "train_time"),
    measure=measure,
    workload=workload,
    passes=("forward", "train"),
    timed_samples=timed_samples,
    measured_rounds=MIN_ROUNDS,
    always_measured=lambda case: find(case.model).family == "attention",
    anchor_axes=("device", "dtype", "threads"),
    check=check,
    derive=bench_reading.derive,
    expand=bench_reading.expand,
    remarks=bench_words.remarks,
    columns=COLUMNS,
    figures=bench_figures.figures,
    echoes=(
        "backward_time",
        "host_time",
        "tokens_per_second",
        "flops_per_second",
        "flops_fraction",
        "bandwidth_fraction",
    ),
)
