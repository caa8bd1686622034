"""Norms of gradients by distance: how they are formed, added up, and where float64 does not carry them.

Shapes: F distances into the future.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_vs_attn.errors import CaseFault
from rnn_vs_attn.measure.conduct.differences import GRADIENT_NOT_FINITE

CARRIED = -290.0  # log10: below it a float64 begins to lose digits
_LARGE = 200.0  # log10: what is not finite beyond such a value has overflowed


@dataclass(frozen=True)
class Flow:
    """log10 of G by distance, (L,): -inf for an exact zero, nan where it is absent: not carried, or rounding.

    most: log10 of what G is at most, (L,); inf where nothing is known. beside_identity: log10 of the norm at distance 0
    of J - I. future: log10 by distance into the future, (F,), of an output that sees it; empty where there is none.
    route: "chunks" or "direct".
    """

    log10: Tensor
    most: Tensor
    beside_identity: float
    future: Tensor
    route: str
    warnings: list[str]


def log_norms(gradient: Tensor) -> Tensor:
    """log10 of the Frobenius norm at each position, (P, C, D) -> (C,); no square of it underflows or overflows."""
    most = gradient.abs().amax(dim=(0, 2))
    scale = torch.where((most > 0) & most.isfinite(), most, 1.0)
    lengths = torch.linalg.vector_norm(gradient / scale[:, None], dim=(0, 2))
    return lengths.log10() + scale.log10()


def together(groups: list[Tensor]) -> Tensor:
    """log10 of the norm of several groups of cotangents from that of each."""
    doubled = torch.stack(groups) * (2 * math.log(10))
    return torch.logsumexp(doubled, dim=0) / (2 * math.log(10))


def carried(log10: Tensor) -> tuple[Tensor, Tensor, list[str]]:
    """Norms with nan where float64 did not carry the value, what they are at most, and a warning.

    A zero is exact unless small values lead to it. CaseFault where it is NaN without a reason.
    """
    if bool(log10.isnan().any() | (log10 == math.inf).any()):
        finite = log10[log10.isfinite()]
        if not len(finite) or float(finite.max()) < _LARGE:
            raise CaseFault("failed", GRADIENT_NOT_FINITE)
        return _cut(log10, int((~log10.isfinite()).nonzero()[0]), "above")
    first = _first_lost(log10)
    return (log10, log10, []) if first is None else _cut(log10, first, "below")


def _first_lost(log10: Tensor) -> int | None:
    """The first distance whose value is too small for float64, or 0 although the ones before it lead far below."""
    small = (log10.isfinite() & (log10 < CARRIED)).nonzero()
    zeros = (log10 == -math.inf).nonzero()
    found = [int(small[0])] if len(small) else []
    if len(zeros) and int(zeros[0]) >= 2:
        at = int(zeros[0])
        if float(2 * log10[at - 1] - log10[at - 2]) < CARRIED:
            found.append(at)
    return min(found, default=None)


def _cut(log10: Tensor, at: int, side: str) -> tuple[Tensor, Tensor, list[str]]:
    kept, most = log10.clone(), log10.clone()
    kept[at:] = math.nan
    tiny = log10[at:] < CARRIED
    most[at:] = torch.where(tiny & (side == "below"), CARRIED, math.inf)
    return kept, most, [f"from distance {at} on the gradient is {side} what float64 can carry and absent; {WAY_OUT}"]


WAY_OUT = "give the module a state of one size (initial_state and step) to have them measured"
