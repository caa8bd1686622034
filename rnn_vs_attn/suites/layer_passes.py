"""What suites share that time passes of layers: a module ready to run, its operations, a round's samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from rnn_vs_attn.models.costs import Shape
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


# In the parent


def timed_samples(name: str, blocks: list[dict[str, Any]], warm_up: dict[str, Any]) -> list[Sample]:
    """One round's samples of one timed pass: the median over its blocks, which are kept."""

    def sample(metric: str, field: str, axes: dict[str, AxisValue] | None = None, **details: Any) -> Sample:
        values = [block[field] for block in blocks]
        return Sample(metric, median(values), axes or {}, values, list(warnings), details)

    warnings = warm_up["warnings"]
    details = {key: warm_up[key] for key in ("loops", "num_blocks", "warm_up_seconds", "settled") if key in warm_up}
    samples = [sample(f"{name}_time", "seconds", **details)]
    if name == "train":
        samples.append(sample("backward_time", "backward", **details))
    if blocks[0]["host"] is not None:
        bound = median(block["host"] for block in blocks) > 0.9 * median(block["seconds"] for block in blocks)
        samples.append(sample("host_time", "host", {"pass": name}, launch_bound=bound))
    if "compile_seconds" in warm_up:
        samples.append(Sample("compile_time", warm_up["compile_seconds"], {"pass": name}))
    return samples
