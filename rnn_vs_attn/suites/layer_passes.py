"""In the worker: a layer ready to be timed, and the operations of its passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from rnn_vs_attn.isolation.seeds import seed_all
from rnn_vs_attn.measure.device import DTYPES, set_precision
from rnn_vs_attn.measure.operations import flops
from rnn_vs_attn.measure.timing import kernel_choice
from rnn_vs_attn.measure.workload import Workload, mode
from rnn_vs_attn.models import build
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.layers.positions import Positions
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.suites.case import Case

_KERNEL_POSITIONS = 32  # of the sequence beyond a window, that a built-in model is called on to see its kernels


def made(
    make: Callable[[], tuple[torch.nn.Module, Shape]],
    case: Case,
    seed: int,
    tf32: bool = False,
    compiled: bool = False,
    graphs: bool = False,
) -> Workload:
    """The module that `make` builds and its input (B, L, D), with the weights and values of `seed`, ready to be timed.

    make: also gives the shape it was built for, whose width need not be the case's. graphs: its passes are yet to be
    captured.
    """
    set_precision(tf32)
    seed_all(seed)
    module, shape = make()
    module = build.placed(module, torch.device(case.device), DTYPES[case.dtype])
    size = (shape.batch_size, shape.seq_len, shape.d_model)
    x = torch.randn(size, device=case.device, dtype=DTYPES[case.dtype])
    for part in module.modules():
        if isinstance(part, Positions):  # tables are made by no call that is measured
            part.prepare(x.shape[1], x)
    found = Workload.of(module, x, compiled)
    found.kernels = kernel_choice.of_passes(found, graphs)
    return found


def count_operations(made: Workload, positions: int | None) -> tuple[flops.OpCount, flops.OpCount]:
    """Operations of a forward and of a training pass, uncompiled, of the first `positions` where given."""
    x, gradient = made.x.detach()[:, :positions], made.grad_output[:, :positions].clone()
    # The same tokens in two orders: a pass may work in place on its input, or know the one that the other had
    of_train, of_forward = x.clone().requires_grad_().clone(), x.flip(1)

    def train(x: torch.Tensor) -> torch.Tensor:
        y = build.call(made.module, x)
        y.backward(gradient)
        return y

    with mode(made, "train"):
        trained = flops.count(partial(train, of_train), made.module)
    made.clear_gradients()
    with mode(made, "forward"):
        return flops.count(partial(build.call, made.module, of_forward), made.module), trained


def kernels_of(made: Workload, window: int) -> tuple[flops.OpCount, flops.OpCount]:
    """Operations of both passes of a built-in model over a short part of its input: which kernels run it."""
    return count_operations(made, window + _KERNEL_POSITIONS)


def train_flops(spec: ModelSpec, shape: Shape) -> int | None:
    """FLOPs of one training pass of any model, None where they cannot be counted."""
    if spec.costs:
        return spec.costs.flops(shape).train
    with torch.random.fork_rng(devices=[]):
        x = torch.randn(shape.batch_size, shape.seq_len, shape.d_model)
        made = Workload.of(build.build(spec, shape), x)
        return count_operations(made, None)[1].flops
