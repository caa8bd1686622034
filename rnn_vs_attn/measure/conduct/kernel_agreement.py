"""Whether the kernels of a package compute what a layer is defined as, before they are timed.

Outputs and all gradients, beside those of the definition, one position after another in float64, with the same weights
and input: in the case's own format, and in float32, as rounding to 16 bits hides what is a tenth too large.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.measure.gradient.passes import named
from rnn_vs_attn.measure.workload import Workload
from rnn_vs_attn.models.backends import PACKAGES, TORCH, KernelPackage
from rnn_vs_attn.models.layers.chunked_recurrence import ChunkedRecurrence
from rnn_vs_attn.models.mixer import Recurrence

CHUNKS, SEQUENCES = 2.5, 2  # at most, so that there is a whole chunk between others and one that is not whole
# What rounding may do; benchmarks/peers/kernel_packages.py found 6e-6 in float32 and 7e-3 in float16, on the CPU.
BOUNDS = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
_TF32 = 2e-2  # as many digits in a product as float16


@dataclass(frozen=True)
class Agreement:
    """error: the largest of the layers that a package computes, in the case's format; unknown: why its kernels could
    not be held in float32 too, "" where they were.
    """

    error: float
    unknown: str = ""


def held(made: Workload) -> Agreement | None:
    """How near the kernels of a package come, None where none computes a layer. CaseFault where that is more than
    rounding.
    """
    parts, x = made.module.modules(), made.x.detach()
    layers = [part for part in parts if isinstance(part, ChunkedRecurrence) and part.backend != TORCH]
    if not layers:
        return None
    if x.dtype not in BOUNDS:
        package = PACKAGES[layers[0].backend].distribution
        raise CaseFault("unsupported", f"kernels of {package} have no more digits than float32; use --backend torch")
    made.both()  # at the first call Triton chooses, for every other length too, what is fastest
    error = max(_held(layer, x) for layer in layers)
    unknown = (
        "" if x.dtype == torch.float32 else next(filter(None, (_held_in_float32(layer, x) for layer in layers)), "")
    )
    return Agreement(error, unknown)


def _held_in_float32(layer: ChunkedRecurrence, x: Tensor) -> str:
    """Why the same kernel could not be held in float32, "" where it was. CaseFault as of `held`."""
    try:
        _held(copy.deepcopy(layer).float(), x.float())
    except (CaseFault, torch.OutOfMemoryError):
        raise
    except Exception as error:  # it takes more shared memory, or 16 bits alone
        return first_line(error)
    return ""


def positions(package: KernelPackage) -> int:
    """How many are asked of its kernels, at most."""
    return int(CHUNKS * package.chunk)


def _held(layer: ChunkedRecurrence, x: Tensor) -> float:
    package = PACKAGES[layer.backend]
    bound = _TF32 if _in_tf32(layer, x) else BOUNDS[x.dtype]
    errors = error_of(layer, x[:SEQUENCES, : positions(package)])
    where = max(errors, key=lambda name: errors[name])
    if errors[where] <= bound:
        return errors[where]
    off = f"is off by {errors[where]:.2g} of its size, and rounding makes up to {bound:g}"
    if not math.isfinite(errors[where]):
        off = "is missing, or not a number where that is one"
    name = type(layer).__name__
    raise CaseFault(
        "failed",
        f"kernels of {package.distribution} do not compute what {name} is defined as: in {named(x.dtype)} {where} "
        f"{off}; use --backend torch",
    )


def _in_tf32(layer: ChunkedRecurrence, x: Tensor) -> bool:
    """Whether some products are in TF32, as asked or as the package has it."""
    allowed = torch.backends.cuda.matmul.allow_tf32 or layer.always_tf32
    return x.dtype == torch.float32 and x.is_cuda and allowed


@torch.enable_grad()
def error_of(layer: Recurrence, x: Tensor) -> dict[str, float]:
    """How far the output, and the gradients of the input and of each parameter, are from those of the definition: the
    length of the difference by that of the right value; of a parameter at least by what as many numbers of an average
    gradient have, as one that is zero but for rounding has no size of its own. Nothing passes the state by: in mamba2
    that is most of the output, beside which a state that is lost looks like rounding in 16 bits.
    """
    layer = _of_state_alone(layer)
    gradient = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(x.device)
    exact = copy.deepcopy(layer).double()
    right = _outcome(exact, exact.sequential(leaf := x.double().requires_grad_()), leaf, gradient)
    found = _outcome(layer, layer(leaf := x.clone().requires_grad_()), leaf, gradient.to(x.dtype))
    of_parameters = torch.cat([right[name].flatten() for name, _ in layer.named_parameters()])
    average = float(of_parameters.square().mean().sqrt())
    errors = {}
    for name, value in right.items():
        least = average * math.sqrt(value.numel()) if name in dict(layer.named_parameters()) else 0.0
        difference, size = float((found[name].double() - value).norm()), max(float(value.norm()), least)
        errors[name] = difference / (size or 1.0) if math.isfinite(difference) else math.inf
    return errors


def _of_state_alone(layer: Recurrence) -> Recurrence:
    """A copy whose outputs come from the state alone."""
    layer = copy.deepcopy(layer)
    for name in layer.past_state if isinstance(layer, ChunkedRecurrence) else ():
        nn.init.zeros_(layer.get_parameter(name))
    return layer


def _outcome(layer: nn.Module, y: Tensor, x: Tensor, gradient: Tensor) -> dict[str, Tensor]:
    parameters = dict(layer.named_parameters())
    leaves = [x, *parameters.values()]
    gradients = torch.autograd.grad(y, leaves, gradient, allow_unused=True)
    there = [torch.full_like(leaf, math.nan) if g is None else g for leaf, g in zip(leaves, gradients, strict=True)]
    names = ["the output", "the gradient of the input", *parameters]
    return dict(zip(names, [y.detach(), *there], strict=True))
