"""Whether any output depends on a later input: every position is asked, by few passes back.

A pass back gives the gradient of a sum over outputs, and what later outputs owe an input hides what an earlier one
should not owe it. So outputs are weighted: in a segment the weights fall by a factor from each position to the next,
those before it have the largest, those after it none. What an input gets from outputs that may see it is then about
its own weight, and no larger a part of that with a larger factor; what it gets from an earlier output grows with the
factor. So two factors are compared, and an input that has more at the larger one is asked again exactly, about the
outputs before it alone. (Sums of equal weights would have to be as many as positions, each the last one of a sum.)

Shapes: R rows of the same sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnn_vs_attn.measure.gradient.norms import log_norms
from rnn_vs_attn.measure.gradient.passes import all_back, any_cotangent, one_hot
from rnn_vs_attn.measure.gradient.rounding import look

SEGMENTS = 8  # of a long sequence so many are chosen at random, each up to twice as wide
_SUSPECTS = 5  # inputs that are asked again, those that have the most more


@dataclass(frozen=True)
class Scale:
    """size: positions of a segment. decades: that its weights range over; a leak of less than 10**-decades is not told
    from the rounding of what it hides in.
    """

    size: int
    decades: float


SCALES = (Scale(192, 384.0), Scale(10, 10.0))  # the second one where the first has found rounding


@dataclass(frozen=True)
class Ramp:
    """A segment of `size` positions from `begin` on, in which weights fall by `decades`."""

    begin: int
    size: int
    decades: float

    def weights(self, length: int, device: torch.device) -> Tensor:
        """Of all outputs, (L,)."""
        places = torch.arange(length, device=device, dtype=torch.float64) - self.begin
        found = 10 ** (self.decades / 2 - self.decades / self.size * places.clamp(0, self.size))
        found[self.begin + self.size :] = 0
        return found


def ramps(length: int, scale: Scale = SCALES[0]) -> list[list[Ramp]]:
    """The steep ones and the flat ones, twice as wide, over the same positions."""
    most = max(SEGMENTS, SEGMENTS * SCALES[0].size // scale.size)
    size = scale.size if length <= scale.size * most else 2 * scale.size
    begins = torch.arange(0, length, size)
    if len(begins) > most:
        begins = begins[torch.randperm(len(begins))[:most].sort().values]
    wider = (begins // (2 * size) * 2 * size).unique()
    return [[Ramp(b, n, scale.decades) for b in some.tolist()] for some, n in ((begins, size), (wider, 2 * size))]


def leaking_output(module: nn.Module, x: Tensor, rows_at_once: int) -> int | None:
    """An output that depends on a later input of x (1, L, D), the one in the middle if that does; None if none does."""
    for scale in SCALES:
        asked = ramps(x.shape[1], scale)
        found = suspects(_gradients(module, x, asked, rows_at_once), asked)
        leak = confirmed(module, x, found, rows_at_once)
        if leak is not None or not found:
            return leak
    return None


def _gradients(module: nn.Module, x: Tensor, asked: list[list[Ramp]], rows_at_once: int) -> Tensor:
    """Of all ramps, (R, L, D)."""
    weights = torch.stack([ramp.weights(x.shape[1], x.device) for kind in asked for ramp in kind])
    v = any_cotangent(1, x)
    found = []
    for part in weights.split(max(1, rows_at_once)):
        found += all_back(module, x.expand(len(part), -1, -1), v.expand(len(part), -1), [part])[1]
    return torch.cat(found)


def suspects(gradients: Tensor, asked: list[list[Ramp]]) -> list[int]:
    """Inputs that an earlier output may depend on, the likeliest first, from the gradients (R, L, D) of all ramps."""
    rows = iter(gradients)
    steep, flat = ([(ramp, log_norms(next(rows)[None])) for ramp in kind] for kind in asked)
    more = _of_own_weight(steep) - _of_own_weight(flat)
    first = steep[0][0]
    for ramp, norms in steep:  # nothing that is as large as a part in 1,000 of the least weight may arrive after it
        more[ramp.begin + ramp.size :][norms[ramp.begin + ramp.size :] > -first.decades / 2 - 3] = math.inf
    least = first.decades / first.size / 4  # what may be falls; what may not grows by twice that, or more
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
