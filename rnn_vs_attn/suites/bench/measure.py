"""What the worker runs of `bench`: the passes that are timed, their memory, and what has no noise."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Iterator
from typing import Any

import torch

from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure import memory
from rnn_vs_attn.measure.conduct import kernel_agreement
from rnn_vs_attn.measure.conduct.kernel_agreement import Agreement
from rnn_vs_attn.measure.operations import recurrent_kernels
from rnn_vs_attn.measure.timing.cuda_graphs import capture
from rnn_vs_attn.measure.timing.decoding import state_bytes
from rnn_vs_attn.measure.workload import TokenWorkload, Workload, mode
from rnn_vs_attn.models import build
from rnn_vs_attn.models.backends import PACKAGES
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.mixer import decodes
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import configured_passes, layer_passes, trained_passes
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.case import ITEMSIZE
from rnn_vs_attn.suites.measurement import Measurement

PEAKS = ("forward", "backward", "train")  # passes that have one


def module_of(case: BenchCase) -> tuple[torch.nn.Module, Shape]:
    """The module, with the shape that --match gave it."""
    spec = find(case.model)
    shape = build.matched_shape(spec, case.shape, case.match, layer_passes.train_flops)
    return build.build(spec, shape), shape


def workload(case: BenchCase, seed: int) -> Workload:
    """The case with the weights and the input of `seed`, ready to be timed."""
    made = _made(case, seed)
    return capture(made) if case.cuda_graphs else made


def _made(case: BenchCase, seed: int) -> Workload:
    """The same before its passes are captured, with the kernels of those that are."""
    if find(case.model).family == CONFIGURED:
        return configured_passes.made(case, seed)
    if find(case.model).family == TRAINED:
        return trained_passes.made(case, seed)
    made = layer_passes.made(
        lambda: module_of(case), case, seed, tf32=case.tf32, compiled=case.compile, graphs=case.cuda_graphs
    )
    kernel_agreement.held(made)
    return made


def measure(case: BenchCase, turn: Turn) -> Iterator[Sample]:
    """Everything but times: peak memory in every turn; what has no noise in the first."""
    device = torch.device(case.device)
    made = _made(case, turn.seed)
    if device.type == "cuda" or case.compile:  # work spaces and compiled code are not the call's own
        made.both()
        made.both()  # what a first call leaves behind may be compiled for again
    missing = memory.peak_missing(device)
    if missing:
        yield from (Sample("peak_memory", None, {"pass": name}, warnings=[missing]) for name in PEAKS)
    else:
        yield from _peaks(made, device)
    if turn.first:
        yield from _exact_of_tokens(case, made) if isinstance(made, TokenWorkload) else _exact(case, made)


def _peaks(made: Workload, device: torch.device) -> Iterator[Sample]:
    with mode(made, "forward"):
        made.renew()
        (forward,) = memory.peaks([made.forward], device)
    outputs = []
    with mode(made, "train"):
        made.renew()
        first, second = memory.peaks(
            [lambda: outputs.append(made.train_forward()), lambda: made.backward(outputs[0])], device
        )
    made.clear_gradients()
    for name, value in zip(PEAKS, (forward, second, max(first, second)), strict=True):
        yield Sample("peak_memory", value, {"pass": name})


def _exact_of_tokens(case: BenchCase, made: TokenWorkload) -> Iterator[Sample]:
    if find(case.model).family == TRAINED:
        return trained_passes.exact(made, case.model)
    return configured_passes.exact(made, case.model, int(made.module.d_model))


def _exact(case: BenchCase, made: Workload) -> Iterator[Sample]:
    spec = find(case.model)
    shape = dataclasses.replace(case.shape, d_model=made.x.shape[-1])
    yield Sample("num_params", build.count_parameters(made.module))
    if case.match != "none":
        yield Sample("width", shape.d_model)
    agreement = kernel_agreement.held(made)
    if agreement is not None:
        yield Sample("kernel_error", agreement.error, warnings=_by_package(case, agreement))
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


def _by_package(case: BenchCase, agreement: Agreement) -> list[str]:
    """Whose kernels a case was measured with, and how near they come to the layer's definition."""
    package = PACKAGES[case.backend]
    version = importlib.import_module(package.module).__version__
    near = f"outputs and gradients are within {agreement.error:.1g} of the layer's definition"
    said = [f"by the kernels of {package.distribution} {version}: {near}"]
    if agreement.unknown:
        said.append(
            f"its kernels could not be held against the definition in float32 ({agreement.unknown}), and what is wrong "
            f"by less than rounding to {case.dtype} is not seen"
        )
    return said


def _flops(case: BenchCase, made: Workload, shape: Shape) -> Iterator[Sample]:
    """FLOPs by the model's closed form, else by counting operations; and in the details the kernels that ran."""
    spec = find(case.model)
    forward, train = (
        layer_passes.kernels_of(made, case.window) if spec.costs else layer_passes.count_operations(made, None)
    )
    if spec.costs:
        flops = spec.costs.flops(shape)
        values: tuple[int | None, int | None] = (flops.forward, flops.train)
    else:
        values = (forward.flops, train.flops)
    for name, value, counter in (("forward", values[0], forward), ("train", values[1], train)):
        details = {} if case.compile else {"kernels": dict(counter.kernels)}
        warnings = [] if value is not None else [f"the FLOPs of {case.model} are unknown: {counter.reason}"]
        warnings += [] if case.compile else recurrent_kernels.said(made.module, counter.kernels, made.x.device)
        yield Sample("flops", value, {"pass": name}, details=details, warnings=warnings)


def state_size(module: Any, x: torch.Tensor, seq_len: int) -> int | None:
    """Bytes of a user's decoding state after seq_len tokens, from its growth over three steps; None where uneven."""
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


MEASUREMENT = Measurement(measure, workload)
