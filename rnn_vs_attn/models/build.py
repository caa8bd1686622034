"""From a model's name and shape to an nn.Module: keywords, stacking, and the width that matches a budget."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.isolation import keeping, seeds
from rnn_vs_attn.models.costs import ROTARY, Shape
from rnn_vs_attn.models.foreign.building import layers_of, unfitted
from rnn_vs_attn.models.kernels import cudnn_weights
from rnn_vs_attn.models.load import load
from rnn_vs_attn.models.mixer import Block, Stack, output_of
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.models.spec import LANGUAGE, POSITIONS, USER, ModelSpec

_WIDEST = 64  # times the baseline's width


def build_blocks(spec: ModelSpec, shape: Shape, inner_width: int | None = None) -> Stack:
    """num_layers residual blocks with a mixer of one layer in each; of a pattern that many of each of its layers.

    inner_width: of a block's MLP, as `Block` takes it.
    """
    single, layers = replace(shape, num_layers=1), spec.traits.layers or (spec,)
    mixers = (build(layer, single) for _ in range(shape.num_layers) for layer in layers)
    return Stack(*(Block(mixer, shape.d_model, inner_width) for mixer in mixers))


def build(spec: ModelSpec, shape: Shape) -> nn.Module:
    """The module for `shape`; a class that takes no num_layers is stacked. UserError where d_model does not fit it."""
    if spec.traits.layers:  # of a pattern
        single = replace(shape, num_layers=1)
        return Stack(*(build(layer, single) for _ in range(shape.num_layers) for layer in spec.traits.layers))
    target = load(spec)
    if spec.family == USER:
        layers = layers_of(spec, target, shape)
    else:
        offered = _accepted(target, replace(shape, backend=spec.backend(shape.backend)))
        copies = 1 if "num_layers" in offered else shape.num_layers
        with keeping.kept(seeds.SEED_OF_WEIGHTS):
            layers = [target(d_model=shape.d_model, **offered) for _ in range(copies)]
    return layers[0] if len(layers) == 1 else Stack(*layers)


def _accepted(target: Callable[..., nn.Module], shape: Shape) -> dict[str, Any]:
    """What the signature of a model of this program names of its shape."""
    offered = {
        "num_heads": shape.num_heads,
        "head_dim": shape.d_model // shape.num_heads,
        "num_layers": shape.num_layers,
        "causal": shape.causal,
        "seq_len": shape.seq_len,
        "kernel_size": shape.kernel_size,
        "window": shape.window,
        "num_kv_heads": shape.kv_heads,
        "positions": shape.positions,
        "backend": shape.backend,
    }
    parameters = inspect.signature(target).parameters
    return {name: value for name, value in offered.items() if name in parameters}


def call(module: nn.Module, x: Tensor) -> Tensor:
    """One forward pass, (B, L, D) -> (B, L, D). UserError where the output has another shape."""
    y = output_of(module(x))
    if y.shape != x.shape:
        raise UserError(f"it maps {tuple(x.shape)} to {tuple(y.shape)}; it must keep (batch_size, seq_len, d_model)")
    return y


def value(module: nn.Module, given: Callable[[], Tensor]) -> Tensor:
    """The output of one call, without a graph unless the module takes gradients itself.

    given: makes what a try is given, anew for each, as a module may change it.
    """
    try:
        with torch.no_grad():
            return call(module, given())
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
    with torch.enable_grad():
        return call(module, given()).detach()


def count_parameters(module: nn.Module) -> int:
    """Elements of all parameters, shared ones once."""
    return sum(parameter.numel() for parameter in module.parameters())


def matched_shape(
    spec: ModelSpec, shape: Shape, match: str, flops_of: Callable[[ModelSpec, Shape], int | None]
) -> Shape:
    """`shape` with the d_model at which parameters or FLOPs come nearest to those of `attention` at shape.d_model.

    match: "none", "params" or "flops" (of one training pass). Widths are multiples of num_heads for models with heads.
    CaseFault where the model's FLOPs cannot be counted.
    """
    if match == "none":
        return shape

    def amount(of: ModelSpec, width: int) -> int:
        candidate = replace(shape, d_model=width)
        if of.name == BASELINE:
            assert of.costs is not None
            return of.costs.num_params(candidate) if match == "params" else of.costs.flops(candidate).train
        value = num_params(of, candidate) if match == "params" else flops_of(of, candidate)
        if value is None:
            raise CaseFault(
                "unsupported",
                f"the FLOPs of {of.name!r} are unknown, so --match flops cannot choose its width",
            )
        return value

    step = width_step(spec, shape)
    return replace(shape, d_model=matched_width(spec, find(BASELINE), shape.d_model, step, amount))


def matched_width(
    spec: ModelSpec, baseline: ModelSpec, width: int, step: int, amount: Callable[[ModelSpec, int], int]
) -> int:
    """The width, a multiple of `step`, at which a model's amount comes nearest to that of the baseline at `width`.

    amount: of a model at a width, such as its parameters.
    """
    if spec.name == baseline.name:
        return width
    return nearest_width(partial(amount, spec), amount(baseline, width), step, _WIDEST * width)


def nearest_width(amount: Callable[[int], int], target: int, step: int, most: int) -> int:
    """The multiple of `step` whose amount, which grows with the width, comes nearest to the target; about `most` at
    most.
    """
    low, high = step, 2 * step
    while amount(high) < target and high < most:
        low, high = high, 2 * high
    while high - low > step:
        middle = (low + high) // (2 * step) * step
        low, high = (middle, high) if amount(middle) < target else (low, middle)
    return min((low, high), key=lambda width: abs(amount(width) - target))


def width_step(spec: ModelSpec, shape: Shape) -> int:
    """What the width must be a multiple of: of pairs of features in each head where these are turned."""
    if not spec.uses_heads and (spec.costs is not None or spec.family == LANGUAGE):
        return 1
    return shape.num_heads * (2 if shape.positions == ROTARY and POSITIONS in spec.traits.takes else 1)


def num_params(spec: ModelSpec, shape: Shape) -> int:
    """Elements of all parameters: by the closed form, or where there is none of modules that are built for it."""
    if spec.costs:
        return spec.costs.num_params(shape)
    with torch.random.fork_rng(devices=[]):
        if spec.family != USER:
            return count_parameters(build(spec, shape))
        return sum(map(count_parameters, unfitted(spec, load(spec), shape)[0]))


def placed(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The module on a device in a dtype, with the weights of torch's recurrences as that device's kernels read them."""
    module = cast(module.to(device), dtype)
    cudnn_weights.flatten(module)
    return module


def cast(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The module with its floating-point parameters and buffers of a dtype; complex ones stay what they are, as
    `module.to(dtype)` would drop their imaginary parts.
    """
    ways = {
        torch.float64: nn.Module.double,
        torch.float32: nn.Module.float,
        torch.float16: nn.Module.half,
        torch.bfloat16: nn.Module.bfloat16,
    }
    return ways[dtype](module)
