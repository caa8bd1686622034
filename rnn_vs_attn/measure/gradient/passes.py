"""One pass of a module in float64: its output, and the gradients that go back from some of its outputs.

Shapes: R rows of the same sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.isolation.seeds import same_draws
from rnn_vs_attn.measure.conduct.differences import OUTPUT_NOT_FINITE, finite
from rnn_vs_attn.measure.gradient import standing
from rnn_vs_attn.measure.states import copied
from rnn_vs_attn.models import build, mixer

AT_ONCE = 1 << 15  # positions of all cotangents together that one pass takes
FOLLOW = "let it follow its input's dtype"


class TooFewDigits(CaseFault):
    """Why a module that computes in this format somewhere has no gradient here, unless it can be lifted."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        super().__init__("unsupported", f"{self.what}, and gradients are measured in float64; {FOLLOW}")

    @property
    def what(self) -> str:
        """What it does, as the beginning of a sentence."""
        return f"it computes in {named(self.dtype)} inside"


def named(dtype: torch.dtype) -> str:
    """float32, as it is said."""
    return str(dtype).removeprefix("torch.")


def value(module: nn.Module, x: Tensor) -> Tensor:
    """The output, without a graph unless the module takes gradients itself."""

    def given() -> Tensor:
        standing.put_back(module)
        return x.clone()

    return build.value(module, given)


def advance(module: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """(R, C, D) and the state before it -> (R, C, D) and the state after it; both that it is given are left alone."""
    standing.put_back(module)
    return mixer.advance(module, x.clone(), copied(state))


def initial_state(module: nn.Module, rows: int) -> Any:
    """A state of its own that stands before the sequence, of `rows` sequences."""
    standing.put_back(module)
    return copied(mixer.initial_state(module, rows))


def output(module: nn.Module, x: Tensor) -> Tensor:
    """The output for inputs that are differentiated. CaseFault where it is not finite or not float64."""
    standing.put_back(module)
    with same_draws():  # of a module that draws numbers, the gradient at the same ones in every pass
        y = build.call(module, x.clone())  # a module may change what it is given
    if not finite([y]):
        raise CaseFault("failed", OUTPUT_NOT_FINITE)
    if y.dtype != torch.float64:
        raise TooFewDigits(y.dtype)
    return y


def gradient(y: Tensor, x: Tensor, cotangent: Tensor, keep: bool = False) -> Tensor:
    """cotangent^T dy/dx. CaseFault where y does not depend on x differentiably."""
    found = None
    if y.requires_grad:
        (found,) = torch.autograd.grad(y, x, cotangent, retain_graph=keep, allow_unused=True)
    if found is None:
        raise CaseFault("failed", "its output is not differentiable with respect to its input")
    return found


def all_back(module: nn.Module, x: Tensor, v: Tensor, weightings: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The output for x (R, L, D), and for each weighting, (R, L) or (L,), the gradient of the sum over all outputs of
    weight * (v . output), (R, L, D), v (R, D).
    """
    inputs = x.detach().clone().requires_grad_()
    y = output(module, inputs)
    found = []
    for weights in weightings:
        cotangent = weights.expand(len(x), -1)[:, :, None] * v[:, None]
        found.append(gradient(y, inputs, cotangent, keep=True))
    return y.detach(), found


def any_cotangent(rows: int, like: Tensor) -> Tensor:
    """(R, D) for a look at x (1, L, D): no entry is near 0, so none is left out, and no two are of equal size."""
    shape = (rows, like.shape[2])
    signs = torch.randint(0, 2, shape, device=like.device).to(like.dtype) * 2 - 1
    return signs * (0.5 + torch.rand(shape, dtype=like.dtype, device=like.device))


def one_hot(length: int, position: int, device: torch.device) -> Tensor:
    """The weighting of one output alone, (L,)."""
    weights = torch.zeros(length, dtype=torch.float64, device=device)
    weights[position] = 1
    return weights
