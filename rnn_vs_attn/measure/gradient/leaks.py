"""Whether any output depends on a later input: every position is asked, by few passes back.

A pass back gives the gradient of a sum over outputs, and what later outputs owe an input hides what an earlier one
should not owe it. So outputs are weighted: in a segment the weights fall by a factor from each position to the next,
those before it have the largest, those after it none. What an input gets from outputs that may see it is then about
its own weight, and no larger a part of that with a larger factor; what it gets from an earlier output grows with the
factor. So two factors are compared, and an input that has more at the larger one is asked again exactly, about the
outputs before it alone. (Sums of equal weights would have to be as many as positions, each the last one of a sum.)

Shapes: R rows of the same sequence, L sequence, D d_model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.gradient.norms import log_norms
from rnn_vs_attn.measure.gradient.passes import all_back, one_hot
from rnn_vs_attn.measure.gradient.rounding import look

SEGMENT = 192  # positions; twice as many in sequences longer than SEGMENTS such
SEGMENTS = 8  # of a longer sequence so many are chosen at random
_DECADES = 384.0  # that the weights of a segment range over
_SUSPECTS = 3  # inputs that are asked again, those that have the most more


@dataclass(frozen=True)
class Ramp:
    """A segment of `size` positions from `begin` on, in which weights fall."""

    begin: int
    size: int

    def weights(self, length: int, device: torch.device) -> Tensor:
        """Of all outputs, (L,)."""
        places = torch.arange(length, device=device, dtype=torch.float64) - self.begin
        found = 10 ** (_DECADES / 2 - _DECADES / self.size * places.clamp(0, self.size))
        found[self.begin + self.size :] = 0
        return found


def ramps(length: int) -> list[list[Ramp]]:
    """The steep ones and the flat ones, twice as wide, over the same positions."""
    size = SEGMENT if length <= SEGMENT * SEGMENTS else 2 * SEGMENT
    begins = torch.arange(0, length, size)
    if len(begins) > SEGMENTS:
        begins = begins[torch.randperm(len(begins))[:SEGMENTS].sort().values]
    wider = (begins // (2 * size) * 2 * size).unique()
    return [[Ramp(b, size) for b in begins.tolist()], [Ramp(b, 2 * size) for b in wider.tolist()]]


def leaking_output(module: nn.Module, x: Tensor, rows_at_once: int) -> int | None:
    """An output that depends on a later input of x (1, L, D), the one in the middle if that does; None if none does."""
    asked = ramps(x.shape[1])
    weights = torch.stack([ramp.weights(x.shape[1], x.device) for kind in asked for ramp in kind])
    gradients = []
    for part in weights.split(max(1, rows_at_once)):
        v = torch.randn(len(part), x.shape[2], dtype=x.dtype, device=x.device)
        gradients += all_back(module, x.expand(len(part), -1, -1), v, [part])[1]
    return confirmed(module, x, suspects(torch.cat(gradients), asked), rows_at_once)


def suspects(gradients: Tensor, asked: list[list[Ramp]]) -> list[int]:
    """Inputs that an earlier output may depend on, the likeliest first, from the gradients (R, L, D) of all ramps."""
    rows = iter(gradients)
    steep, flat = ([(ramp, log_norms(next(rows)[None])) for ramp in kind] for kind in asked)
    more = _of_own_weight(steep) - _of_own_weight(flat)
    for ramp, norms in steep:
        more[ramp.begin + ramp.size :][norms[ramp.begin + ramp.size :] > -math.inf] = math.inf
    least = _DECADES / steep[0][0].size / 4  # what may be falls; what may not grows by twice that, or more
    likeliest = more.nan_to_num(nan=-math.inf).argsort(descending=True)[:_SUSPECTS]
    return [j for j in likeliest.tolist() if float(more[j]) > least]


def _of_own_weight(found: list[tuple[Ramp, Tensor]]) -> Tensor:
    """log10 of the gradient of each input as a part of its own weight, (L,), nan where no ramp is."""
    (_, first), *_ = found
    made = torch.full_like(first, math.nan)
    for ramp, norms in found:
        inside = slice(ramp.begin, ramp.begin + ramp.size)
        made[inside] = (norms - ramp.weights(len(norms), norms.device).log10())[inside]
    return made


def confirmed(module: nn.Module, x: Tensor, inputs: list[int], rows_at_once: int) -> int | None:
    """An output before one of these inputs that depends on it or a later one, the one in the middle if that does; None
    where what arrives is nothing or rounding.
    """
    if not inputs:
        return None
    middle = x.shape[1] // 2
    asked = [one_hot(x.shape[1], middle, x.device), *(_between(x, 0, j) for j in inputs)]
    of_middle, *found = look(module, x, asked, rows_at_once).gradients
    if bool(of_middle.real[middle + 1 :].any()):
        return middle
    real = [j for j, one in zip(inputs, found, strict=True) if bool(one.real[j:].any())]
    return _first_of(module, x, real[0], rows_at_once) if real else None


def _first_of(module: nn.Module, x: Tensor, j: int, rows_at_once: int) -> int:
    """Of the outputs before j one that depends on an input from j on, by halves."""
    low, high = 0, j
    while high - low > 1:
        middle = (low + high) // 2
        (found,) = look(module, x, [_between(x, low, middle)], rows_at_once).gradients
        low, high = (low, middle) if bool(found.real[j:].any()) else (middle, high)
    return low


def _between(x: Tensor, begin: int, end: int) -> Tensor:
    """The weighting of the outputs from `begin` up to `end` alike, (L,)."""
    weights = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
    weights[begin:end] = 1
    return weights
