"""What a round of `gradflow` leaves behind: samples of the norms at some distances, and what is read out of all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import torch

from rnn_vs_attn.measure.gradient.norms import Flow
from rnn_vs_attn.records.types import Sample


def beside_grid(flow: Flow) -> tuple[list[int], list[int]]:
    """Distances that are shown beside those of the grid, into the past and into the future."""
    return ends_of_zeros(flow.log10.tolist()), ends_of_zeros([-math.inf, *flow.future.tolist()])


def ends_of_zeros(log10: Sequence[float]) -> list[int]:
    """Distances off the grid at which gradient arrives though none does just before: the first in each of its gaps."""
    powers = grid(len(log10) - 1)
    ends = [k for k in range(1, len(log10)) if log10[k] != -math.inf and log10[k - 1] == -math.inf]
    firsts = [next((k for k in ends if low < k < high), None) for low, high in itertools.pairwise(powers)]
    return [k for k in firsts if k is not None]


def norms(flow: Flow, beside: Sequence[int] = (), beside_future: Sequence[int] = ()) -> Iterator[Sample]:
    """Samples at the distances of the grid and those beside it, negative ones where the module sees the future."""
    warnings = list(flow.warnings)
    for distance in sorted({*grid(len(flow.log10) - 1), *beside}):
        yield _norm(float(flow.log10[distance]), distance, warnings)
    seen = len(flow.future)
    for distance in sorted({*grid(seen)[1:], *(k for k in beside_future if k <= seen)}):
        yield _norm(float(flow.future[distance - 1]), -distance, warnings)


def grid(last: int) -> list[int]:
    """0, 1, 2, 4, ... and the last distance."""
    powers = [1 << i for i in range(last.bit_length())]
    return [0, *(p for p in powers if p < last), *([last] if last else [])]


def _norm(log10: float, distance: int, warnings: list[str]) -> Sample:
    value = log10 if math.isfinite(log10) else None
    return Sample("gradient_norm_log10", value, {"distance": distance}, warnings=warnings, zero=log10 == -math.inf)


def reach(log10: Sequence[float], most: Sequence[float], threshold: float) -> Sample:
    """0 where nothing arrives from distance 1 on; absent where a distance that is absent may be the one.

    most: what each log10 is at most.
    """
    known = {k: value for k, value in enumerate(log10) if k and not math.isnan(value)}
    largest = max(known.values(), default=-math.inf)
    least = largest + math.log10(threshold)
    found = max((k for k, value in known.items() if value >= least > -math.inf), default=0)
    absent = [k for k, value in enumerate(log10) if k and math.isnan(value)]
    sure = all(most[k] < least or (k < found and most[k] <= largest) for k in absent)
    return Sample("reach", found if sure else None)


_LEAST_BESIDE = -13.0  # log10: what is left of a norm of 1 less the identity is rounding below it


def identity(beside: float, warnings: list[str]) -> Iterator[Sample]:
    """What a residual block carries beside the identity, and the identity's share of it."""
    none = beside == -math.inf
    absent = math.isnan(beside) or (beside < _LEAST_BESIDE and not none)
    yield Sample("beside_identity_log10", None if none or absent else beside, zero=none, warnings=list(warnings))
    share = 1 / (1 + 10 ** min(2 * beside, 300.0))
    yield Sample("identity_share", None if math.isnan(beside) else share)


def spectrum(module: torch.nn.Module) -> Iterator[Sample]:
    """Of the recurrent matrices, the largest of all layers; on the CPU, where the library is always the same one."""
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.RNN)]
    recurrent = [p.detach().cpu() for layer in layers for p in _recurrent_of(layer)]
    yield Sample("spectral_radius", max(float(torch.linalg.eigvals(w).abs().max()) for w in recurrent))
    yield Sample("largest_singular_value", max(float(torch.linalg.svdvals(w).max()) for w in recurrent))


def _recurrent_of(layer: torch.nn.RNN) -> list[torch.Tensor]:
    return [p for name, p in layer.named_parameters() if name.startswith("weight_hh")]
