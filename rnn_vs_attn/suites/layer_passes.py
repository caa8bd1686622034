"""What suites share that time passes of layers: a module ready to run, its operations, a round's samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import ModelSpec
from rnn_vs_attn.records.timing import Block, Ready
from rnn_vs_attn.records.types import AxisValue, Metric, Sample
from rnn_vs_attn.suites.suite import Case

if TYPE_CHECKING:
    import torch

    from rnn_vs_attn.measure.workload import Workload

FORWARD_TIME = Metric("forward_time", "s", title="forward, no gradient kept")
TRAIN_TIME = Metric("train_time", "s", title="forward and backward")
BACKWARD_TIME = Metric("backward_time", "s", title="backward within the training pass")
HOST_TIME = Metric("host_time", "s", title="the host's own time for the same call")
TIMES = (FORWARD_TIME, BACKWARD_TIME, TRAIN_TIME)
TIMED = frozenset(["forward_time", "train_time", "backward_time", "host_time", "compile_time"])  # by timed_samples

_KERNEL_POSITIONS = 32  # of the sequence beyond a window, that a built-in model is called on to see its kernels

# In the worker


def made(
    make: Callable[[], tuple[torch.nn.Module, Shape]],
    case: Case,
    seed: int,
    tf32: bool = False,
    compiled: bool = False,
) -> Workload:
    """The module that `make` builds and its input (B, L, D), with the weights and values of `seed`, ready to be timed.

    make: also gives the shape it was built for, whose width need not be the case's.
    """
    import torch

    from rnn_vs_attn.isolation.seeds import seed_all
    from rnn_vs_attn.measure.device import DTYPES, set_precision
    from rnn_vs_attn.measure.workload import Workload
    from rnn_vs_attn.models import build

    set_precision(tf32)
    seed_all(seed)
    module, shape = make()
    module = build.cast(module.to(torch.device(case.device)), DTYPES[case.dtype])
    size = (shape.batch_size, shape.seq_len, shape.d_model)
    x = torch.randn(size, device=case.device, dtype=DTYPES[case.dtype])
    if hasattr(module, "choose_kernel"):
        module.choose_kernel(x)
    return Workload.of(module, x, compiled)


def count_operations(made: Workload, positions: int | None) -> tuple[Any, Any]:
    """Operations of a forward and of a training pass, uncompiled, of the first `positions` where given."""
    import torch

    from rnn_vs_attn.measure.operations import flops
    from rnn_vs_attn.models.build import call

    x, gradient = made.x.detach()[:, :positions], made.grad_output[:, :positions].clone()
    # The same tokens in two orders: a pass may work in place on its input, or know the one that the other had
    of_train, of_forward = x.clone().requires_grad_().clone(), x.flip(1)

    def train(x: torch.Tensor) -> torch.Tensor:
        y = call(made.module, x)
        y.backward(gradient)
        return y

    made.module.train()
    trained = flops.count(partial(train, of_train), made.module)
    made.clear_gradients()
    made.module.eval()
    with torch.no_grad():
        return flops.count(partial(call, made.module, of_forward), made.module), trained


def kernels_of(made: Workload, window: int) -> tuple[Any, Any]:
    """Operations of both passes of a built-in model over a short part of its input: which kernels run it."""
    return count_operations(made, window + _KERNEL_POSITIONS)


def train_flops(spec: ModelSpec, shape: Shape) -> int | None:
    """FLOPs of one training pass of any model, None where they cannot be counted."""
    import torch

    from rnn_vs_attn.measure.workload import Workload
    from rnn_vs_attn.models import build

    if spec.costs:
        return int(spec.costs.flops(shape).train)
    with torch.random.fork_rng(devices=[]):
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model)
        made = Workload.of(build.build(spec, shape), x)
        counted: int | None = count_operations(made, None)[1].flops
        return counted


# In the parent


def timed_samples(name: str, blocks: Sequence[Block], ready: Ready) -> list[Sample]:
    """One round's samples of one timed pass: the median over its blocks, which are kept."""

    def sample(metric: str, field: str, axes: dict[str, AxisValue] | None = None, **details: Any) -> Sample:
        values = [getattr(block, field) for block in blocks]
        return Sample(metric, median(values), axes or {}, values, list(ready.warnings), details)

    details = asdict(ready.plan) | {"warm_up_seconds": ready.warm_up_seconds}
    details |= {} if ready.settled is None else {"settled": ready.settled}
    samples = [sample(f"{name}_time", "seconds", **details)]
    if name == "train":
        samples.append(sample("backward_time", "backward", **details))
    host = [block.host for block in blocks if block.host is not None]
    if host:
        bound = median(host) > 0.9 * median(block.seconds for block in blocks)
        samples.append(sample("host_time", "host", {"pass": name}, launch_bound=bound))
    if ready.compile_seconds is not None:
        samples.append(Sample("compile_time", ready.compile_seconds, {"pass": name}))
    return samples
