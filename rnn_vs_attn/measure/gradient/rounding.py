"""Which part of a gradient is its module's own rounding: what another rounding makes another number.

The same passes are made from inputs, parameters and cotangents that are changed by a part in 1e13. That is hundreds of
units in the last place, so whatever rounds does so differently, and what is right to d digits stays the same to about
d: a gradient that is what large numbers leave of each other, as that of a scan in log space beyond some tens of tokens,
becomes another one. A layer may also be so sensitive that its outputs become others (a chaotic recurrence); then only
the last input and the cotangents are changed, or these alone.

Shapes: R rows of the same sequence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.gradient import standing
from rnn_vs_attn.measure.gradient.norms import log_norms
from rnn_vs_attn.measure.gradient.passes import all_back, any_cotangent, value
from rnn_vs_attn.measure.states import differentiable

CHANGE = 1e-13  # relative: of inputs, parameters and cotangents
SURE = 1e-3  # relative: a gradient that changes by more than that is rounding
MOVED = 1e-6  # relative: outputs that change by more than that are another path's
_DRAWS = 16  # numbers that round for themselves in every gradient, at least
_EVERYWHERE, _LAST, _NOWHERE = slice(None), slice(-1, None), slice(0, 0)  # positions whose input is changed


@dataclass(frozen=True)
class Seen:
    """A gradient by position, (L,): log10 of its norm, of how much of it changed, and of the larger of both norms."""

    norms: Tensor
    changed: Tensor
    most: Tensor

    @property
    def part(self) -> Tensor:
        """How much of it changed, as a part of itself; 0 where there is nothing, inf where there was nothing before."""
        return torch.where(self.changed == -math.inf, 0.0, 10 ** (self.changed - self.norms))

    @property
    def real(self) -> Tensor:
        """Where there is a gradient that is not rounding."""
        return self.norms.isfinite() & (self.part <= SURE)

    @property
    def lost(self) -> Tensor:
        """Where it is rounding."""
        return self.part > SURE


@dataclass(frozen=True)
class Look:
    """Gradients of weighted sums of outputs. sensitive: the outputs become others where the input changes by 1e-13."""

    gradients: list[Seen]
    sensitive: bool


def look(module: nn.Module, x: Tensor, weightings: Sequence[Tensor], rows_at_once: int) -> Look:
    """For each weighting of the outputs for x (1, L, D) the gradient of their weighted sum, and how sure it is."""
    rows = max(1, min(rows_at_once, math.ceil(_DRAWS / x.shape[2])))
    inputs = x.expand(rows, -1, -1)
    v = any_cotangent(rows, x) / math.sqrt(rows * x.shape[2])
    y, found = all_back(module, inputs, v, weightings)
    for where in (_EVERYWHERE, _LAST, _NOWHERE):
        with changed_parameters(module) if where == _EVERYWHERE else nullcontext():
            again, others = all_back(module, _changed_at(inputs, where), changed(v), weightings)
        if float((again - y).abs().max()) <= MOVED * float(y.abs().max()):
            break
    return Look([_seen(one, other) for one, other in zip(found, others, strict=True)], where != _EVERYWHERE)


def moved(module: nn.Module, x: Tensor) -> Tensor:
    """How far a change of x (1, L, D) by a part in 1e13 moves the outputs up to each position, (L,), as a part of the
    largest output.
    """
    y = value(module, x)
    distance = (value(module, changed(x)) - y).abs().amax(dim=(0, 2)) / y.abs().max().clamp_min(1e-300)
    return distance.cummax(0).values


def _seen(one: Tensor, other: Tensor) -> Seen:
    norms = log_norms(one)
    return Seen(norms, log_norms(other - one), torch.maximum(norms, log_norms(other)))


def changed(t: Tensor, by: float = CHANGE) -> Tensor:
    """Every number of it larger or smaller by this part of itself, at random."""
    signs = torch.randint(0, 2, t.shape, device=t.device).to(t.dtype) * 2 - 1
    return t * (1 + by * signs)


def _changed_at(x: Tensor, where: slice) -> Tensor:
    found = x.clone()
    found[:, where] = changed(x[:, where])
    return found


@contextmanager
def changed_parameters(module: nn.Module, by: float = CHANGE) -> Iterator[None]:
    """Within it the parameters are changed; afterwards they are what they were, bit by bit."""
    standing.put_back(module)
    parameters = [p for p in module.parameters() if differentiable(p)]
    before = [p.detach().clone() for p in parameters]
    try:
        with torch.no_grad():
            for parameter in parameters:
                parameter.copy_(changed(parameter, by))
        with standing.held(module, standing.names_held(module)):  # with the parameters as they are now
            yield
    finally:
        with torch.no_grad():
            for parameter, kept in zip(parameters, before, strict=True):
                parameter.copy_(kept)
