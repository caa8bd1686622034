"""What the worker runs of `scaling`: timed passes, their operations, the longest chain and routes between positions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.seeds import seed_all
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.dataflow import critical_path, path_length
from rnn_vs_attn.measure.operations import launches, recurrent_kernels
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models import build
from rnn_vs_attn.models.catalogue import attention
from rnn_vs_attn.models.costs import Flops
from rnn_vs_attn.models.layers.attention import Attention, Mixing
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.records.types import AxisValue, Sample
from rnn_vs_attn.stats import growth
from rnn_vs_attn.suites import layer_passes
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.scaling.case import CHAIN_LENGTHS, GRAPH, LAYER, MIXING, ROUTE, ROUTE_LENGTHS, ScalingCase

ROUTE_RUNS = 2500  # of single operations, beyond which no longer route is followed
OPEN_RUNS = 15000  # the same, as long as the routes so far follow no law or several
_FAR = CHAIN_LENGTHS[-1]  # a length at which a route that does not grow must still be one
_LONG_ENOUGH = 16  # positions, over which what reaches anywhere reaches from end to end through a stack
_BETWEEN = (5, 7, 9)  # through stacks of layers; through one, a tree reaches over a power of two in one operation


def module_of(case: ScalingCase) -> torch.nn.Module:
    """The layer, or what it does between its projections."""
    module = build.build(find(case.model), case.shape)
    if case.part == MIXING:
        assert isinstance(module, Attention)
        return Mixing(module)
    return module


def workload(case: ScalingCase, seed: int) -> Workload:
    """The case with the weights and the input of `seed`, ready to be timed."""
    return layer_passes.made(lambda: (module_of(case), case.shape), case, seed)


def measure(case: ScalingCase, turn: Turn) -> Iterator[Sample]:
    """What has no noise, in the first turn: counts of operations, a chain, or path_length."""
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
    made = workload(case, 0)
    defined = _defined(case)
    for name, counter in zip(("forward", "train"), layer_passes.count_operations(made, None), strict=True):
        value = getattr(defined, name) if defined else counter.flops
        warnings = [] if value is not None else [f"the FLOPs of {case.model} are unknown: {counter.reason}"]
        warnings += recurrent_kernels.said(made.module, counter.kernels, made.x.device)
        axes: dict[str, AxisValue] = {"pass": name}
        yield Sample("flops", value, axes, warnings=warnings, details={"kernels": dict(counter.kernels)})
        if counter.flops is not None and name == "forward":  # a weight's gradient is a product without the weight
            yield Sample("projection_flops", counter.by_weights, axes)
        if case.device.startswith("cuda"):
            found = launches.count(made, name)
            why = [] if found.kernels is not None else [f"the kernels of {case.model} are unknown: {found.reason}"]
            yield Sample("launches", found.kernels, axes, warnings=why)
    if case.part == LAYER:
        yield Sample("num_params", build.count_parameters(made.module))


def _defined(case: ScalingCase) -> Flops | None:
    """FLOPs of a built-in layer, or of what it does between its projections."""
    forms = find(case.model).costs
    if case.part != MIXING:
        return forms.flops(case.shape) if forms else None
    assert isinstance(forms, attention.Attention)
    return forms.mixing(case.shape)


def _on_cpu(case: ScalingCase, length: int, layers: int, double: bool) -> torch.nn.Module:
    """The module, with weights that are the same at every call."""
    seed_all(0)
    shape = dataclasses.replace(case.shape, seq_len=length, num_layers=layers)
    module = build.build(find(case.model), shape).eval()
    return module.double() if double else module


def _chain(case: ScalingCase) -> int:
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
        except Exception as error:
            reason = _reason(error)
            if isinstance(error, CaseFault | NotImplementedError):
                break
            continue  # it may take other lengths
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
    def reaches(double: bool) -> bool:
        return path_length.reaches(_on_cpu(case, _FAR, layers, double), _input(case, _FAR, double))

    try:
        return reaches(double=True)
    except Exception:  # it may be float32 alone that it takes
        return reaches(double=False)


def _route(case: ScalingCase, length: int) -> Any:
    """In float64, where the module runs in it: its gradient says what it reaches."""

    def follow(double: bool) -> Any:
        make = partial(_on_cpu, case, length, double=double)
        return path_length.shortest(make, case.num_layers, _input(case, length, double))

    try:
        return follow(double=True)
    except CaseFault:
        raise
    except Exception:
        return follow(double=False)


def _input(case: ScalingCase, length: int, double: bool) -> torch.Tensor:
    """The same at every call."""
    torch.manual_seed(0)
    x = torch.randn(1, length, case.d_model)
    return x.double() if double else x


def _exact(metric: str, count: Callable[[], int], length: int) -> Sample:
    """A count, or none with the reason."""
    try:
        return Sample(metric, count(), {"seq_len": length})
    except Exception as error:
        return _unknown(metric, _reason(error), length)


def _reason(error: Exception) -> str:
    """Why an operation of a module could not be counted."""
    if isinstance(error, CaseFault):
        return error.reason
    if isinstance(error, NotImplementedError):
        return "it runs an operator or a kind of tensor that torch cannot record"
    return first_line(error)


def _unknown(metric: str, reason: str, length: int) -> Sample:
    return Sample(metric, None, {"seq_len": length}, warnings=[f"{metric} is unknown: {reason}"])


MEASUREMENT = Measurement(measure, workload)
